"""The vesin builder against the referee, and on systems that break naive cell lists."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
import torch
from ase.build import molecule
from hypothesis import given, settings

from alchemi_core.data.batch import Batch
from alchemi_core.errors import GeometryError, NeighborError
from alchemi_core.neighbors import brute_force, capacity
from alchemi_core.neighbors.building import build

from .pairs import rows
from .systems import CUTOFFS, batches


@settings(max_examples=100, deadline=None)
@given(batch=batches(), cutoff=CUTOFFS)
def test_equals_brute_force(batch, cutoff):
    built, referee = build(batch, cutoff, 0.25), brute_force.build(batch, cutoff, 0.25)
    assert rows(built) == rows(referee)
    assert (built.cutoff, built.skin, built.half_list) == (cutoff, 0.25, False)


@pytest.mark.parametrize("cutoff", [2.0, 4.0, 7.5])
def test_equals_brute_force_on_real_structures(batch, cutoff):
    assert rows(build(batch, cutoff, 0.0)) == rows(brute_force.build(batch, cutoff, 0.0))


@pytest.mark.parametrize("cutoff", [1.0, 2**0.5, 3**0.5, 2.0, 5**0.5, 3.0])
def test_pairs_exactly_at_the_cutoff_are_out(argon, cutoff, dtype):
    batch = argon([0.0, 0.0, 0.0], np.eye(3), dtype=dtype)
    built = build(batch, cutoff, 0.0)
    assert rows(built) == rows(brute_force.build(batch, cutoff, 0.0))
    points = itertools.product(range(-3, 4), repeat=3)
    assert built.num_pairs == sum(0 < a * a + b * b + c * c < Fraction(cutoff) ** 2 for a, b, c in points)


def test_a_batch_holds_what_its_systems_hold(mixed):
    whole, start, expected = build(Batch.from_ase(mixed), 4.0, 0.0), 0, set()
    for atoms in mixed:
        alone = rows(build(Batch.from_ase(atoms), 4.0, 0.0))
        expected |= {(i + start, j + start, *shift) for i, j, *shift in alone}
        start += len(atoms)
    assert rows(whole) == expected


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_molecule_and_a_crystal_keep_their_periodicity_in_either_order(mixed, order):
    pair = [mixed[k] for k in order]
    counts = [build(Batch.from_ase(atoms), 4.0, 0.0).num_pairs for atoms in pair]
    batch = Batch.from_ase(pair)
    built = build(batch, 4.0, 0.0)
    systems = batch.batch_idx[built.neighbor_list[:, 0].long()]
    assert torch.bincount(systems, minlength=2).tolist() == counts
    crystal = systems == order.index(0)
    assert not built.neighbor_list_shifts[~crystal].any()
    assert built.neighbor_list_shifts[crystal].any()


@pytest.mark.parametrize("direction", [(1, 0, 0), (1, 1, 0), (1, 1, 1)])
@pytest.mark.parametrize("distance", [1e3, 1e4, 1e6, 1e9])
def test_atoms_flying_away_are_no_trouble(argon, direction, distance):
    away = distance * np.array(direction)
    built = build(argon([[0, 0, 0], away, away + np.array([0, 1, 0]), [0, 0, 1.25]]), 1.5, 0.0)
    assert rows(built) == {(0, 3, 0, 0, 0), (3, 0, 0, 0, 0), (1, 2, 0, 0, 0), (2, 1, 0, 0, 0)}


def test_a_wide_thin_sheet_is_no_trouble(argon):
    sheet = argon([[0, 0, 1], [3999, 0, 1], [2000, 2000, 1], [2000, 2001, 1]], np.diag([4000.0, 4000.0, 2.5]))
    neighbors = {(0, 1, -1, 0, 0), (1, 0, 1, 0, 0), (2, 3, 0, 0, 0), (3, 2, 0, 0, 0)}
    assert rows(build(sheet, 1.5, 0.0)) == neighbors


def test_a_wire_with_distant_atoms_is_no_trouble(argon):
    places = [[0, 0, 0], [300, 500, 0.5], [300, 500, 1.5]]
    wire = argon(places, np.diag([0.0, 0.0, 3.0]), pbc=[False, False, True])
    assert rows(build(wire, 1.5, 0.0)) == {(1, 2, 0, 0, 0), (2, 1, 0, 0, 0)}


def test_shifts_refer_to_positions_far_outside_the_cell(argon):
    built = build(argon([[0, 0, 0], [3e6 + 1, 0, -3e4]], 3.0 * np.eye(3)), 1.5, 0.0)
    assert rows(built) == {(0, 1, -1_000_000, 0, 10_000), (1, 0, 1_000_000, 0, -10_000)}


def test_shifts_beyond_int32_are_refused(argon):
    with pytest.raises(GeometryError, match="cells away") as raised:
        build(argon([[0, 0, 0], [3e12, 0, 0]], 3.0 * np.eye(3)), 1.5, 0.0)
    assert "wrap" in raised.value.fix


@pytest.mark.parametrize("atoms", [0, 1])
@pytest.mark.parametrize("cell", [None, 9.0 * np.eye(3)])
def test_too_few_atoms_for_a_pair(argon, atoms, cell):
    built = build(argon(np.zeros((atoms, 3)), cell), 4.0, 0.5)
    assert rows(built) == set()
    assert built.num_atoms == atoms


def test_systems_without_atoms_and_batches_without_systems():
    one = build(Batch.from_ase([molecule("H2"), molecule("H2")[:0], molecule("H2")]), 2.0, 0.0)
    assert rows(one) == {(0, 1, 0, 0, 0), (1, 0, 0, 0, 0), (2, 3, 0, 0, 0), (3, 2, 0, 0, 0)}
    assert rows(build(Batch.from_ase([]), 2.0, 0.0)) == set()


def test_two_atoms_at_one_place_are_a_pair(argon):
    assert rows(build(argon(np.ones((2, 3)), 9.0 * np.eye(3)), 2.0, 0.0)) == {(0, 1, 0, 0, 0), (1, 0, 0, 0, 0)}


def test_positions_and_cells_on_a_graph_are_left_alone(argon):
    batch = argon([[0, 0, 0], [1, 0, 0]], 4.0 * np.eye(3))
    positions, cell = batch.positions.clone().requires_grad_(), batch.cell.clone().requires_grad_()
    built = build(batch.with_leaves(positions, cell), 2.0, 0.0)
    assert rows(built) == {(0, 1, 0, 0, 0), (1, 0, 0, 0, 0)}
    assert positions.grad_fn is None
    assert torch.equal(positions, batch.positions)


def test_positions_that_are_not_numbers_are_refused_by_name(argon):
    batch = argon([[0, 0, 0], [1, 0, 0]])
    broken = batch.with_fields(positions=torch.tensor([[0.0, 0.0, 0.0], [float("nan"), 0.0, 0.0]]).double())
    for builder in (build, brute_force.build):
        with pytest.raises(GeometryError, match="atom 1"):
            builder(broken, 2.0, 0.0)


def test_a_singular_periodic_cell_is_refused(argon):
    batch = argon([[0, 0, 0], [1, 0, 0]], 4.0 * np.eye(3))
    for builder in (build, brute_force.build):
        with pytest.raises(GeometryError, match="singular"):
            builder(batch.with_fields(cell=torch.ones(1, 3, 3, dtype=torch.float64)), 2.0, 0.0)


def test_more_pairs_than_int32_counts_are_refused(argon, monkeypatch):
    monkeypatch.setattr(capacity, "MAX_PAIRS", 5)
    batch = argon([0.0, 0.0, 0.0], np.eye(3))
    with pytest.raises(NeighborError, match="a list of 6 pairs") as raised:
        build(batch, 1.1, 0.0)
    assert "at most 5" in raised.value.expected
