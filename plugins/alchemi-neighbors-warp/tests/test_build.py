"""Where builders go wrong: places, cells, sizes and densities, against closed forms and the core's own builder."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
import torch
from alchemi_neighbors_warp import building as warp_building
from alchemi_neighbors_warp.building import build
from alchemi_neighbors_warp.grids import Grid
from ase import Atoms
from ase.build import bulk, molecule

from alchemi_core.data.batch import Batch
from alchemi_core.errors import GeometryError, NeighborError
from alchemi_core.neighbors import building, capacity

from .strategies import assert_same, pair_set


def both(i, j, *shift):
    return {(i, j, *shift), (j, i, *(-s for s in shift))}


@pytest.mark.parametrize("cutoff", [2.0, 4.0, 7.5])
def test_equals_the_core_on_real_structures(batch, cutoff):
    assert pair_set(build(batch, cutoff, 0.5)) == pair_set(building.build(batch, cutoff, 0.5))


@pytest.mark.parametrize("cutoff", [1.0, 2**0.5, 3**0.5, 2.0, 5**0.5, 3.0])
def test_pairs_exactly_at_the_cutoff_are_out(argon, cutoff, dtype):
    built = build(argon([0.0, 0.0, 0.0], np.eye(3), dtype=dtype), cutoff, 0.0)
    points = itertools.product(range(-3, 4), repeat=3)
    assert built.num_pairs == sum(0 < a * a + b * b + c * c < Fraction(cutoff) ** 2 for a, b, c in points)


@pytest.mark.parametrize("direction", [(1, 0, 0), (1, 1, 0), (1, 1, 1)])
@pytest.mark.parametrize("distance", [1e3, 1e6, 1e9])
def test_atoms_flying_away(argon, direction, distance):
    away = distance * np.array(direction)
    built = build(argon([[0, 0, 0], away, away + np.array([0, 1, 0]), [0, 0, 1.25]]), 1.5, 0.0)
    assert pair_set(built) == both(0, 3, 0, 0, 0) | both(1, 2, 0, 0, 0)


@pytest.mark.parametrize("cells", [1_000, 1_000_000, 2**29 - 1])
def test_shifts_refer_to_positions_far_outside_the_cell(argon, cells):
    built = build(argon([[0, 0, 0], [4.0 * cells + 1, 0, -40.0]], 4.0 * np.eye(3)), 1.5, 0.0)
    assert pair_set(built) == both(0, 1, -cells, 0, 10)


def test_shifts_beyond_int32_are_refused():
    lost = Atoms("Ar2", [[0, 0, 0], [0, 3e12, 0]], cell=3.0 * np.eye(3), pbc=True)
    batch = Batch.from_ase([Atoms("Ar"), lost])
    with pytest.raises(GeometryError, match="atom 1 of its system lies 1e\\+12 cells away") as raised:
        build(batch, 1.5, 0.0)
    with pytest.raises(GeometryError) as expected:
        building.build(batch, 1.5, 0.0)
    assert str(raised.value) == str(expected.value)


def test_sheets_and_wires(argon):
    sheet = argon([[0, 0, 1], [3999, 0, 1], [2000, 2000, 1], [2000, 2001, 1]], np.diag([4000.0, 4000.0, 2.5]))
    assert pair_set(build(sheet, 1.5, 0.0)) == both(0, 1, -1, 0, 0) | both(2, 3, 0, 0, 0)
    places = [[0, 0, 0], [300, 500, 0.5], [300, 500, 1.5]]
    wire = argon(places, np.diag([0.0, 0.0, 3.0]), pbc=[False, False, True])
    assert pair_set(build(wire, 1.5, 0.0)) == both(1, 2, 0, 0, 0)


@pytest.mark.parametrize("normal", [0, 1, 2])
def test_a_vacuum_does_not_coarsen_the_grid_where_the_atoms_are(argon, normal):
    square = np.stack(np.meshgrid(np.arange(20.0), np.arange(20.0), [0.0]), axis=-1).reshape(-1, 3)
    slab = argon(np.roll(square, normal - 2, axis=1), np.diag(np.roll([20.0, 20.0, 4000.0], normal - 2)))
    bins = Grid.of(slab, 1.1).bins[0].tolist()
    assert min(bins[:normal] + bins[normal + 1 :]) >= 9
    assert build(slab, 1.1, 0.0).num_pairs == 4 * 400


def test_a_crystal_among_molecules_keeps_its_grid(mixed):
    crystal = bulk("NaCl", "rocksalt", a=5.64, cubic=True) * (4, 4, 4)
    alone = Grid.of(Batch.from_ase([crystal]), 5.0).bins[0].tolist()
    batch = Batch.from_ase([*(molecule("H2O") for _ in range(50)), crystal])
    assert Grid.of(batch, 5.0).bins[-1].tolist() == alone == [4, 4, 4]


def test_thousands_of_systems():
    """H2 and H2O within 1.6 Å: 2 and 6 pairs; an fcc cell within its nearest neighbors: 12 per atom."""
    water, copper = molecule("H2O"), bulk("Cu", cubic=True)
    copper.cell[2] *= -1.0
    batch = Batch.from_ase([molecule("H2"), water, Atoms()] * 900 + [copper] * 300)
    pairs = torch.zeros(batch.num_systems, dtype=torch.int64)
    built = build(batch, 2.6, 0.0)
    pairs.index_add_(0, batch.batch_idx[built.neighbor_list[:, 0].long()], torch.ones(built.num_pairs).long())
    assert pairs.tolist() == [2, 6, 0] * 900 + [48] * 300


def test_room_is_made_where_the_mean_density_says_too_little(argon, monkeypatch):
    """A clump in a vacuum: the first search overflows and says by how much, the second does not."""
    clump = argon(np.random.default_rng(0).random((300, 3)) * 3.0, 60.0 * np.eye(3))
    rooms, search = [], warp_building._search

    def recorded(grid, room):
        rooms.append(room)
        return search(grid, room)

    monkeypatch.setattr(warp_building, "_search", recorded)
    built = build(clump, 4.0, 0.0)
    assert pair_set(built) == pair_set(building.build(clump, 4.0, 0.0))
    most = int(built.edge_ptr.diff().max())
    assert len(rooms) == 2
    assert rooms[0] < most <= rooms[1] < most + 5


def test_one_search_is_enough_for_a_gas(argon, monkeypatch):
    gas = argon(np.random.default_rng(1).random((800, 3)) * 20.0, 20.0 * np.eye(3))
    rooms, search = [], warp_building._search
    monkeypatch.setattr(warp_building, "_search", lambda grid, room: rooms.append(room) or search(grid, room))
    built = build(gas, 5.0, 0.0)
    assert rooms == [Grid.of(gas, 5.0).room]
    assert rooms[0] < 2.0 * built.num_pairs / 800


def test_the_same_order_in_every_run(batch):
    assert_same(build(batch, 4.0, 0.3), build(batch, 4.0, 0.3))


@pytest.mark.parametrize("atoms", [0, 1])
@pytest.mark.parametrize("cell", [None, 9.0 * np.eye(3)])
def test_too_few_atoms_for_a_pair(argon, atoms, cell):
    built = build(argon(np.zeros((atoms, 3)), cell), 4.0, 0.5)
    assert_same(built, building.build(argon(np.zeros((atoms, 3)), cell), 4.0, 0.5))


def test_batches_without_systems():
    assert_same(build(Batch.from_ase([]), 2.0, 0.5), building.build(Batch.from_ase([]), 2.0, 0.5))


def test_two_atoms_at_one_place_are_a_pair(argon):
    assert pair_set(build(argon(np.ones((2, 3)), 9.0 * np.eye(3)), 2.0, 0.0)) == both(0, 1, 0, 0, 0)


def test_more_pairs_than_int32_counts_are_refused(argon, monkeypatch):
    batch = argon([0.0, 0.0, 0.0], np.eye(3))
    monkeypatch.setattr(capacity, "MAX_PAIRS", 6)
    assert build(batch, 1.1, 0.0).num_pairs == 6
    monkeypatch.setattr(capacity, "MAX_PAIRS", 5)
    with pytest.raises(NeighborError, match="a list of 6 pairs"):
        build(batch, 1.1, 0.0)
