"""Pair vectors against hand-made numbers, finite differences, and one system at a time."""

from __future__ import annotations

import pytest
import torch
from ase.build import bulk
from torch.autograd import gradcheck, gradgradcheck

from alchemi_core.data.batch import Batch
from alchemi_core.neighbors.brute_force import build
from alchemi_core.neighbors.formats import to_matrix
from alchemi_core.neighbors.geometry import pair_vectors
from alchemi_core.neighbors.lists import CooList

LAYOUTS = pytest.mark.parametrize("layout", [lambda pairs: pairs, to_matrix], ids=["pairs", "matrix"])


def one_pair(shift):
    return CooList(
        cutoff=9.0,
        half_list=True,
        neighbor_list=torch.tensor([[0, 1]], dtype=torch.int32),
        neighbor_list_shifts=torch.tensor([shift], dtype=torch.int32),
        edge_ptr=torch.tensor([0, 1, 1], dtype=torch.int32),
    )


def test_is_rj_minus_ri_plus_s_times_the_rows_of_the_cell(argon, dtype):
    cell = [[4.0, 0.0, 0.0], [1.0, 5.0, 0.0], [0.0, 2.0, -6.0]]
    batch = argon([[0.5, 0.25, 1.0], [1.5, 0.0, 2.0]], cell, dtype=dtype)
    vectors = pair_vectors(batch.positions, batch.cell, one_pair([2, -1, 3]), batch.batch_idx)
    # (1, -0.25, 1) + 2 (4, 0, 0) - (1, 5, 0) + 3 (0, 2, -6)
    assert vectors.tolist() == [[8.0, 0.75, -17.0]]
    assert vectors.dtype == dtype
    bare = pair_vectors(batch.positions, None, one_pair([0, 0, 0]), batch.batch_idx)
    assert bare.tolist() == [[1.0, -0.25, 1.0]]


@LAYOUTS
def test_a_batch_gives_the_vectors_of_its_systems(mixed, dtype, layout):
    def lengths(batch):
        pairs = layout(build(batch, 4.0, 0.0))
        vectors = pair_vectors(batch.positions, batch.cell, pairs, batch.batch_idx)
        return vectors[vectors.norm(dim=-1) < 4.0].norm(dim=-1)

    alone = torch.cat([lengths(Batch.from_ase(atoms, dtype=dtype)) for atoms in mixed])
    rounding = 1e-5 if dtype is torch.float32 else 1e-12
    torch.testing.assert_close(lengths(Batch.from_ase(mixed, dtype=dtype)), alone, atol=rounding, rtol=0.0)


@LAYOUTS
@pytest.mark.parametrize("structures", [1, 2])
def test_derivatives_agree_with_finite_differences(layout, structures):
    cu = bulk("Cu")
    cu.rattle(0.1, seed=1)
    batch = Batch.from_ase([cu, bulk("NaCl", "rocksalt", a=5.64)][:structures])
    pairs = layout(build(batch, 3.0, 0.0))

    def vectors(positions, cell):
        return pair_vectors(positions, cell, pairs, batch.batch_idx)

    leaves = (batch.positions.clone().requires_grad_(), batch.cell.clone().requires_grad_())
    assert gradcheck(vectors, leaves)
    assert gradgradcheck(lambda *given: vectors(*given).square(), leaves)


def test_padding_is_finite_beyond_every_cutoff_and_has_no_gradient(argon, dtype):
    batch = argon([[0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 5, 5]], dtype=dtype)
    matrix = to_matrix(build(batch, 1.2, 0.3))
    positions = batch.positions.clone().requires_grad_()
    vectors = pair_vectors(positions, None, matrix, batch.batch_idx)
    empty = matrix.neighbor_matrix == matrix.padding
    assert empty.any()
    assert torch.equal(vectors[empty].norm(dim=1), torch.full((int(empty.sum()),), 3.0, dtype=dtype))
    (gradient,) = torch.autograd.grad((1.0 / vectors.norm(dim=2)).sum(), positions)
    assert torch.isfinite(gradient).all()
    assert gradient[3].tolist() == [0.0, 0.0, 0.0]
    # atom 0 has neighbors at x = 1 and y = 1, both counted from both sides: d(2/x)/dx0 = 2 at x = 1
    torch.testing.assert_close(gradient[0], torch.tensor([2.0, 2.0, 0.0], dtype=dtype))


@LAYOUTS
@pytest.mark.parametrize("atoms", [0, 1])
def test_no_pairs(argon, layout, atoms):
    batch = argon([[0.0, 0.0, 0.0]] * atoms)
    vectors = pair_vectors(batch.positions, None, layout(build(batch, 2.0, 0.0)), batch.batch_idx)
    assert vectors.numel() == 0
    assert vectors.shape[-1] == 3
