"""Hessians: against closed forms and differences of forces, over batches, dtypes, chunks and ways to take them."""

from __future__ import annotations

import pytest
import torch
from alchemi_derivatives.hessian import Hessian, blocks
from ase import Atoms
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemi_core import (
    BaseModelMixin,
    Batch,
    PipelineGroup,
    PipelineModelWrapper,
    create_model,
    differentiate,
)
from alchemi_core.errors import DataError, OptionError

EPSILON, SIGMA = 0.0104, 3.4
NO_OPTIONS: dict[str, object] = {}
DIFFERENCES = {"method": "differences"}


def argon(cutoff: float = 8.0) -> BaseModelMixin:
    return create_model("lennard-jones", epsilon=EPSILON, sigma=SIGMA, cutoff=cutoff)


def crystal(seed: int = 1) -> Atoms:
    atoms = bulk("Ar", cubic=True, a=5.3)
    atoms.set_cell(atoms.cell.array @ [[1.0, 0.05, 0.0], [0.0, 1.02, 0.03], [0.0, 0.0, 0.97]], scale_atoms=True)
    atoms.rattle(0.08, seed=seed)
    return atoms


def left_handed() -> Atoms:
    atoms = crystal(3)
    atoms.set_cell(atoms.cell.array[[1, 0, 2]])
    assert atoms.cell.handedness == -1
    return atoms


def cluster() -> Atoms:
    return Atoms("Ar3", positions=[(0.1, 0.0, 0.0), (3.6, 0.2, 0.0), (1.1, 3.3, 0.9)])


def hessian_of(model: BaseModelMixin, batch: Batch, **options: object) -> torch.Tensor:
    return differentiate(model, "hessian", **options)(batch, requested={"hessian"})["hessian"]


def pair_hessian(vector: torch.Tensor) -> torch.Tensor:
    """Of E(r) = 4ε((σ/r)¹² − (σ/r)⁶) for two atoms, −σ⁶/r⁶ and its square differentiated by hand."""
    r = vector.norm()
    power = (SIGMA / r) ** 6
    slope = 4 * EPSILON * (-12 * power**2 + 6 * power) / r
    curvature = 4 * EPSILON * (156 * power**2 - 42 * power) / r**2
    along = torch.outer(vector, vector) / r**2
    block = curvature * along + slope / r * (torch.eye(3, dtype=vector.dtype) - along)
    return torch.cat([torch.cat([block, -block], 1), torch.cat([-block, block], 1)])


@pytest.mark.parametrize(("options", "tolerance"), [(NO_OPTIONS, 1e-13), ({**DIFFERENCES, "step": 1e-4}, 1e-8)])
def test_two_atoms(options, tolerance):
    apart = torch.tensor([2.1, 2.9, -1.4], dtype=torch.float64)
    # Unshifted and without a switch, so that the cutoff leaves nothing in the curvature.
    batch = Batch.from_ase(Atoms("Ar2", positions=[(0, 0, 0), apart.tolist()]))
    found = hessian_of(argon(30.0), batch, **options)
    torch.testing.assert_close(found[0], pair_hessian(apart), rtol=0.0, atol=tolerance)


@pytest.mark.parametrize("make", [crystal, left_handed, cluster])
@pytest.mark.parametrize("options", [NO_OPTIONS, DIFFERENCES], ids=["graph", "differences"])
def test_equal_to_differences_of_forces(force_differences, make, options):
    batch = Batch.from_ase(make())
    expected = force_differences(argon(), batch)
    tolerance = 1e-7 if not options else 1e-4
    torch.testing.assert_close(hessian_of(argon(), batch, **options)[0], expected, rtol=0.0, atol=tolerance)
    assert expected.abs().max() > 0.1


def test_symmetric_and_free_of_net_forces():
    for make in (crystal, left_handed, cluster):
        matrix = hessian_of(argon(), Batch.from_ase(make()))[0]
        torch.testing.assert_close(matrix, matrix.T, rtol=0.0, atol=1e-14)
        net = matrix.view(len(matrix), -1, 3).sum(1)
        torch.testing.assert_close(net, torch.zeros_like(net), rtol=0.0, atol=1e-14)


@pytest.mark.parametrize("options", [NO_OPTIONS, DIFFERENCES], ids=["graph", "differences"])
def test_a_batch_is_its_systems(options):
    """A molecule between crystals, a lone atom and nothing at all."""
    systems = [cluster(), crystal(), Atoms("Ar"), Atoms(), left_handed()]
    batch = Batch.from_ase(systems)
    found = hessian_of(argon(), batch, **options)
    assert found.shape == (5, 12, 12)
    for atoms, row, block in zip(systems, found, blocks(found, batch), strict=True):
        size = 3 * len(atoms)
        assert block.shape == (size, size)
        assert not row[size:].any(), "something beyond the system's own rows"
        assert not row[:, size:].any(), "something beyond the system's own columns"
        alone = hessian_of(argon(), Batch.from_ase([atoms]), **options)[0]
        torch.testing.assert_close(block, alone, rtol=0.0, atol=1e-11)


@pytest.mark.parametrize("options", [NO_OPTIONS, DIFFERENCES], ids=["graph", "differences"])
def test_nothing_and_single_atoms(options):
    nothing = Batch.from_ase([Atoms(), Atoms()])
    assert hessian_of(argon(), nothing, **options).shape == (2, 0, 0)
    single = Batch.from_ase([Atoms("Ar"), Atoms("Ar")])
    assert torch.equal(hessian_of(argon(), single, **options), torch.zeros(2, 3, 3, dtype=torch.float64))


@pytest.mark.parametrize("options", [NO_OPTIONS, DIFFERENCES], ids=["graph", "differences"])
def test_no_systems_at_all(quartic, options):
    empty = torch.zeros(0, dtype=torch.int64)
    batch = Batch(positions=torch.zeros(0, 3), atomic_numbers=empty, batch_idx=empty, num_systems=0)
    assert hessian_of(quartic(), batch, **options).shape == (0, 0, 0)


def test_systems_that_stay_have_no_rows(box):
    """Of a program whose forces are never twice the same."""
    noisy = box()
    compute = noisy.compute

    def noise(view, requested):
        out = compute(view, requested)
        return {**out, "forces": out["forces"] + 1e-6 * torch.rand_like(out["forces"])}

    noisy.compute = noise
    found = hessian_of(noisy, Batch.from_ase([Atoms("Ar"), cluster()]), method="differences")
    assert found[1, 3:].abs().max() > 0.1
    assert not found[0, 3:].any()


@pytest.mark.parametrize("chunk", [1, 2, 5, 100])
@pytest.mark.parametrize("method", ["graph", "differences"])
def test_chunks_change_nothing(method, chunk):
    batch = Batch.from_ase([crystal(), cluster()])
    whole, parts = (hessian_of(argon(), batch, method=method, **more) for more in (NO_OPTIONS, {"chunk": chunk}))
    torch.testing.assert_close(parts, whole, rtol=0.0, atol=1e-11)


@pytest.mark.parametrize(("options", "tolerance"), [(NO_OPTIONS, 1e-5), (DIFFERENCES, 2e-3)])
def test_single_precision(options, tolerance):
    batch = Batch.from_ase([crystal(), cluster()])
    found = hessian_of(argon(), batch.to(dtype=torch.float32), **options)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), hessian_of(argon(), batch), rtol=0.0, atol=tolerance)


def test_first_derivatives_beside_it():
    batch = Batch.from_ase([crystal(), cluster()])
    first = {"energy", "forces", "stress", "virial"}
    plain = PipelineModelWrapper([PipelineGroup([argon()], use_autograd=True)])(batch, requested=first)
    beside = differentiate(argon(), "hessian")(batch, requested={*first, "hessian"})
    alone = differentiate(argon(), "hessian")(batch, requested=first)
    for name in first:
        torch.testing.assert_close(beside[name], plain[name], rtol=1e-12, atol=1e-14, equal_nan=True)
        torch.testing.assert_close(alone[name], plain[name], rtol=1e-12, atol=1e-14, equal_nan=True)
    assert not any(value.requires_grad for value in beside.values())


def test_forces_beside_differences(box):
    batch = Batch.from_ase(cluster())
    found = differentiate(box(), "hessian", **DIFFERENCES)(batch, requested={"energy", "forces", "hessian"})
    expected = -2.0 * batch.positions - batch.positions**3
    torch.testing.assert_close(found["forces"], expected, rtol=0.0, atol=1e-14)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "numeric"}, "'graph' or 'differences'"),
        ({"method": "differences", "step": 0.0}, "above zero"),
        ({"method": "differences", "step": float("nan")}, "above zero"),
        ({"method": "differences", "step": "0.01"}, "above zero"),
        ({"step": 0.01}, "method='differences'"),
        ({"chunk": 0}, "whole number"),
        ({"chunk": 2.5}, "whole number"),
        ({"chunk": True}, "whole number"),
        ({"steps": 0.1}, "step"),
    ],
)
def test_options_that_cannot_be_right(options, words):
    with pytest.raises(OptionError, match=words):
        differentiate(argon(), "hessian", **options)


def test_stress_beside_differences_is_that_of_the_models():
    batch = Batch.from_ase(bulk("Ar", "fcc", a=5.1))
    out = differentiate(argon(), "hessian", **DIFFERENCES)(batch, {"hessian", "stress"})
    torch.testing.assert_close(out["stress"], (1.0 * argon())(batch, {"stress"})["stress"])


def test_blocks_of_another_batch():
    found = hessian_of(argon(), Batch.from_ase([cluster()]))
    with pytest.raises(DataError, match="12, 12"):
        blocks(found, Batch.from_ase([crystal()]))


def test_strategies_are_values():
    assert Hessian(chunk=3) == Hessian(chunk=3)
    assert Hessian().serves == {"hessian", "forces", "stress", "virial"}
    assert Hessian(method="differences").serves == {"hessian", "forces"}


def test_a_plan_says_what_it_differentiates():
    printed = str(differentiate(argon(), "hessian").plan)
    assert "group 0 hessian" in printed
    assert "hessian = d²([0])/dr²" in printed


@settings(max_examples=15, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 5), min_size=1, max_size=4),
    chunk=st.integers(1, 7),
    method=st.sampled_from(["graph", "differences"]),
)
def test_any_batch(quartic, sizes, chunk, method):
    """Of sizes, chunks and methods: the diagonal k + 3 r² of a quartic well, nothing elsewhere."""
    places = torch.randn(sum(sizes), 3, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(sizes)))
    batch = Batch(
        positions=places,
        atomic_numbers=torch.full((sum(sizes),), 18),
        batch_idx=torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes)),
        num_systems=len(sizes),
    )
    step = {"step": 1e-4} if method == "differences" else {}
    found = hessian_of(quartic(), batch, method=method, chunk=chunk, **step)
    expected = torch.zeros_like(found)
    for system, block in enumerate(blocks(expected, batch)):
        block += torch.diag(2.0 + 3.0 * batch[system].positions.flatten() ** 2)
    torch.testing.assert_close(found, expected, rtol=0.0, atol=1e-6)
