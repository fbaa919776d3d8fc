"""Hessian times vector without the Hessian: the same as with it."""

from __future__ import annotations

import pytest
import torch
from alchemi_derivatives.hessian import blocks
from alchemi_derivatives.hessian_product import HessianProduct, hessian_product
from ase import Atoms
from ase.build import bulk

from alchemi_core import Batch, create_model, differentiate
from alchemi_core.errors import DataError, LostTermError, OptionError


def argon():
    return create_model("lennard-jones", epsilon=0.0104, sigma=3.4, cutoff=8.0)


@pytest.fixture(scope="module")
def batch():
    crystal = bulk("Ar", cubic=True, a=5.3)
    crystal.rattle(0.08, seed=1)
    return Batch.from_ase([Atoms("Ar3", [(0, 0, 0), (3.6, 0, 0.3), (1, 3.3, 0)]), crystal, Atoms("Ar"), Atoms()])


@pytest.fixture(scope="module")
def matrices(batch):
    return blocks(differentiate(argon(), "hessian")(batch)["hessian"], batch)


def random(*shape):
    return torch.randn(*shape, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(4))


def by_matrices(matrices, batch, vectors):
    """Each system's vectors [..., n, 3] times its matrix."""
    parts = [vectors[..., a:b, :] for a, b in zip(batch.ptr, batch.ptr[1:], strict=False)]
    return torch.cat([(p.flatten(-2) @ m).view(p.shape) for p, m in zip(parts, matrices, strict=True)], dim=-2)


@pytest.mark.parametrize("leading", [(), (1,), (3,), (2, 2), (0,)])
@pytest.mark.parametrize(("options", "tolerance"), [({}, 1e-13), ({"method": "differences"}, 2e-4)])
def test_equal_to_the_matrix(batch, matrices, leading, options, tolerance):
    vectors = random(*leading, batch.num_atoms)
    found = hessian_product(argon(), batch, vectors, **options)
    assert found.shape == vectors.shape
    torch.testing.assert_close(found, by_matrices(matrices, batch, vectors), rtol=0.0, atol=tolerance)


@pytest.mark.parametrize("length", [1e-8, 1e5])
def test_the_length_of_a_vector_is_only_a_factor(batch, matrices, length):
    """Differences displace by a step of their own."""
    vectors = random(batch.num_atoms)
    found = hessian_product(argon(), batch, length * vectors, method="differences", step=1e-4)
    torch.testing.assert_close(found / length, by_matrices(matrices, batch, vectors), rtol=0.0, atol=1e-7)


@pytest.mark.parametrize(("dtype", "length", "atol"), [(torch.float64, 1e-170, 1e-7), (torch.float32, 1e-24, 1e-2)])
def test_vectors_whose_squares_are_zero(batch, matrices, dtype, length, atol):
    vectors = random(batch.num_atoms)
    options = {"method": "differences", "step": 1e-4 if dtype == torch.float64 else 0.01}
    found = hessian_product(argon(), batch.to(dtype=dtype), length * vectors.to(dtype), **options)
    torch.testing.assert_close(found.double() / length, by_matrices(matrices, batch, vectors), rtol=0.0, atol=atol)


def test_no_vector_no_product(batch):
    zeros = torch.zeros(batch.num_atoms, 3, dtype=torch.float64)
    assert torch.equal(hessian_product(argon(), batch, zeros), zeros)
    assert torch.equal(hessian_product(argon(), batch, zeros, method="differences"), zeros)


def test_one_pipeline_for_many_products(batch, matrices):
    pipe = differentiate(argon(), HessianProduct(chunk=2))
    vectors = random(batch.num_atoms, 5)
    found = pipe(batch.with_fields(directions=vectors), requested={"hessian_product", "forces"})
    expected = by_matrices(matrices, batch, vectors.transpose(0, 1)).transpose(0, 1)
    torch.testing.assert_close(found["hessian_product"], expected, rtol=0.0, atol=1e-13)
    plain = differentiate(argon(), "hessian")(batch, requested={"forces"})["forces"]
    torch.testing.assert_close(found["forces"], plain, rtol=0.0, atol=1e-14)


def test_the_lowest_curvature_without_the_matrix(batch, matrices):
    """Lanczos, as for systems whose matrix would not fit."""
    from scipy.sparse.linalg import LinearOperator, eigsh

    crystal = batch[1].to_batch()
    pipe = differentiate(argon(), HessianProduct())
    size = 3 * crystal.num_atoms

    def times(vector):
        moved = crystal.with_fields(directions=torch.from_numpy(vector).view(-1, 3))
        return pipe(moved)["hessian_product"].flatten().numpy()

    operator = LinearOperator((size, size), matvec=times, dtype="float64")
    highest = eigsh(operator, k=2, which="LA", return_eigenvectors=False)
    expected = torch.linalg.eigvalsh(matrices[1])[-2:]
    torch.testing.assert_close(torch.from_numpy(highest), expected, rtol=0.0, atol=1e-10)


@pytest.mark.parametrize("shape", [(0, 3), (0, 2, 3)])
def test_no_atoms(shape):
    pipe = differentiate(argon(), HessianProduct())
    empty = Batch.from_ase(Atoms()).with_fields(directions=torch.zeros(shape))
    assert pipe(empty, {"hessian_product"})["hessian_product"].shape == shape


def test_single_precision(batch, matrices):
    vectors = random(batch.num_atoms)
    found = hessian_product(argon(), batch.to(dtype=torch.float32), vectors)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), by_matrices(matrices, batch, vectors), rtol=0.0, atol=1e-5)


def test_training(quartic):
    """H v = (k + 3 r²) v reaches k."""
    model = quartic()
    pipe = differentiate(model, HessianProduct()).train()
    batch = Batch.from_ase(Atoms("Ar2", [(0, 0, 1), (1, 2, 3)]))
    vectors = random(2)
    product = pipe(batch.with_fields(directions=vectors))["hessian_product"]
    (slope,) = torch.autograd.grad(product.sum(), model.stiffness)
    torch.testing.assert_close(slope, vectors.sum(), rtol=0.0, atol=1e-13)


@pytest.mark.parametrize("field", [None, torch.zeros(3, 3), torch.zeros(8, 2), torch.zeros(8, 1, 1, 3)])
def test_directions_that_do_not_fit(batch, field):
    pipe = differentiate(argon(), HessianProduct())
    with pytest.raises(DataError, match=r"\[8, 3\]"):
        pipe(batch if field is None else batch.with_fields(directions=field))


def test_refusals(batch, box):
    with pytest.raises(DataError, match=r"\.\.\., 8, 3"):
        hessian_product(argon(), batch, torch.zeros(3))
    with pytest.raises(OptionError, match="hessian-product"):
        hessian_product(argon(), batch, torch.zeros(8, 3), method="graphs")
    with pytest.raises(LostTermError, match="box"):
        hessian_product(box(), batch, torch.zeros(8, 3))
