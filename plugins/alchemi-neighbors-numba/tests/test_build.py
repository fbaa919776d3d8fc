"""The builder against brute force, for batches of any mixture."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from alchemi_neighbors_numba import batches
from alchemi_neighbors_numba.efforts import efforts_of
from alchemi_neighbors_numba.frames import frames_of
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemi_core.errors import GeometryError, NeighborError
from alchemi_core.neighbors import brute_force, building
from alchemi_core.neighbors.distances import exact_squared
from alchemi_core.testing.neighbor_cases import batch_of
from alchemi_core.testing.neighbor_checks import check_builder
from alchemi_core.testing.pair_tables import in_order, rows_of, tensors_of

from .structures import DTYPES, cases

CRYSTAL, OPEN = (True,) * 3, (False,) * 3


def same_pairs(one, other):
    assert np.array_equal(in_order(rows_of(one)), in_order(rows_of(other)))
    assert torch.equal(one.edge_ptr, other.edge_ptr)


def cube(atoms, length, seed=0):
    return np.random.default_rng(seed).uniform(0.0, length, (atoms, 3)), length * np.eye(3), CRYSTAL


@given(case=cases(), dtype=DTYPES, skin=st.sampled_from([0.0, 0.4]))
def test_whatever_is_searched_holds_the_pairs_of_brute_force(search, case, dtype, skin):
    check_builder(search, case, dtype, skin=skin, strided=True)


@settings(max_examples=20)
@given(case=cases(), dtype=DTYPES)
def test_edges_are_decided_as_by_brute_force(search, case, dtype):
    """With a cutoff that is the distance of some pair, to the last bit."""
    batch = case.make(dtype, "cpu")
    found = brute_force.build(batch, case.cutoff, 0.0)
    lengths = torch.linalg.vector_norm(_vectors(batch, found), dim=1)
    for cutoff in sorted({float(length) for length in lengths.tolist() if length > 0.3})[-5:]:
        same_pairs(search(batch, cutoff, 0.0), brute_force.build(batch, cutoff, 0.0))


def _vectors(batch, neighbors):
    i, j = neighbors.neighbor_list.long().unbind(1)
    shifts = neighbors.neighbor_list_shifts.double()
    cells = batch.cell.double()[batch.batch_idx[i]]
    return batch.positions.double()[j] - batch.positions.double()[i] + torch.einsum("es,esc->ec", shifts, cells)


@pytest.mark.parametrize(
    ("systems", "atoms", "searched"), [(15, 33, False), (16, 1, True), (1, 499, False), (1, 500, True), (15, 34, True)]
)
def test_small_batches_go_to_the_core_and_others_to_the_kernels(monkeypatch, systems, atoms, searched):
    calls = []
    monkeypatch.setattr("alchemi_neighbors_numba.assembling.assembled", lambda *given: calls.append(given))
    batch = batch_of([cube(atoms, 9.0)] * systems, torch.float64, "cpu")
    assert (batches.build(batch, 2.0, 0.0) is None) == bool(calls) == searched


@pytest.fixture(scope="module")
def chain():
    """A chain of 3000 atoms, 2 Å apart: too many to try all pairs."""
    places = np.zeros((3000, 3))
    places[:, 0] = 2.0 * np.arange(3000)
    return places, np.zeros((3, 3)), OPEN


def test_large_systems_among_small_ones(search, chain):
    small = [cube(7, 3.0, seed) for seed in range(4)]
    batch = batch_of([small[0], chain, small[1], cube(0, 5.0), chain, small[2]], torch.float64, "cpu")
    assert efforts_of(frames_of(batch, 4.5), 4.5).chosen.tolist() == [True, False, True, False, False, True]
    found = search(batch, 4.0, 0.5)
    same_pairs(found, building.build(batch, 4.0, 0.5))
    counts = found.edge_ptr.diff()
    assert counts[7:10].tolist() == [2, 3, 4]
    assert counts[9:3005].unique().tolist() == [4]
    only = batch_of([chain], torch.float64, "cpu")
    same_pairs(search(only, 4.5, 0.0), building.build(only, 4.5, 0.0))


def test_pairs_that_do_not_fit_into_the_first_guess(search):
    """Atoms crowded into the corner of a large cell: hundreds of times as many pairs as when evenly spread."""
    crowd = 0.01 * cube(90, 100.0)[0], 100.0 * np.eye(3), CRYSTAL
    batch = batch_of([cube(5, 3.0), crowd, cube(5, 3.0), crowd, cube(5, 3.0)], torch.float64, "cpu")
    found = search(batch, 3.0, 0.0)
    same_pairs(found, building.build(batch, 3.0, 0.0))
    assert found.num_pairs > 2 * 90 * 89


def test_lists_do_not_depend_on_the_number_of_threads(search, threads):
    batch = batch_of([cube(9, 3.0, seed) for seed in range(40)], torch.float64, "cpu")
    threads(1)
    alone = tensors_of(search(batch, 4.0, 0.0))
    for number in (2, 7, 64):
        threads(number)
        for name, tensor in tensors_of(search(batch, 4.0, 0.0)).items():
            assert torch.equal(tensor, alone[name])


@pytest.mark.parametrize("cells", [2**28, -(2**29)])
def test_atoms_far_outside_their_cell(search, cells):
    """One atom at the corner, one in the middle of a cell far away; whole numbers, so that distances are exact."""
    places = np.array([[0.0, 0.0, 0.0], [1.0 + 2.0 * cells, 1.0, 1.0 - 2.0 * cells]])
    batch = batch_of([(places, 2.0 * np.eye(3), CRYSTAL)], torch.float64, "cpu")
    found = search(batch, 1.8, 0.0)
    assert found.edge_ptr.tolist() == [0, 8, 16]
    same_pairs(found, building.build(batch, 1.8, 0.0))


def test_atoms_too_far_for_int32_are_refused_as_by_the_core(search):
    places = np.array([[0.0, 0.0, 0.0], [2.0**32, 0.0, 0.0]])
    batch = batch_of([cube(3, 2.0), (places, 2.0 * np.eye(3), CRYSTAL)], torch.float64, "cpu")
    errors = []
    for build in (search, building.build):
        with pytest.raises(GeometryError) as caught:
            build(batch, 1.8, 0.0)
        errors.append(str(caught.value))
    assert errors[0] == errors[1]


def test_images_at_the_edge_many_cells_away(search):
    """A chain of images: with a cutoff just above k lattice constants each atom has k neighbors on either side."""
    for lattice in (0.37, 0.7, 1.1):
        batch = batch_of([(np.zeros((1, 3)), lattice * np.eye(3), (True, False, False))], torch.float64, "cpu")
        for k in range(1, 60):
            assert search(batch, k * lattice, 0.0).num_pairs == 2 * (k - 1)
            assert search(batch, math.nextafter(k * lattice, math.inf), 0.0).num_pairs == 2 * k


@pytest.mark.parametrize("flat", [1.0, 0.02])
@pytest.mark.parametrize("farthest", [1, 2**28])
def test_edges_between_atoms_many_cells_apart(search, flat, farthest):
    """One atom straight above the lattice plane of the other: roundings decide whether its image is tried at all."""
    rng = np.random.default_rng(11)
    for _ in range(25):
        cell = np.array([[3.1, 0.0, 0.0], [2.9, 3.0 * flat, 0.0], [0.2, 0.3, 3.3]]) @ rotation(rng)
        normal = np.cross(cell[2], cell[0]) / np.linalg.norm(np.cross(cell[2], cell[0]))
        away = rng.integers(-farthest, farthest, 3)
        away[0] -= away[1]  # the first two vectors nearly cancel, so that few images are near
        places = np.array([[0.0, 0.0, 0.0], rng.uniform(0.2, 0.4) * 3.0 * flat * normal + away @ cell])
        batch = batch_of([(places, cell, CRYSTAL)], torch.float64, "cpu")
        wide = brute_force.build(batch, 2.0 * flat, 0.0)
        assert wide.num_pairs
        i, j = wide.neighbor_list.long().unbind(1)
        for squared in exact_squared(batch, i, j, wide.neighbor_list_shifts).unique().tolist()[:3]:
            cutoff = math.nextafter(math.sqrt(squared), math.inf)
            same_pairs(search(batch, cutoff, 0.0), brute_force.build(batch, cutoff, 0.0))


def rotation(rng):
    return np.linalg.qr(rng.normal(size=(3, 3)))[0]


def test_skewed_cells_whose_atoms_are_far_away(search):
    """Nearly flat cells: the reciprocal vectors are long, and their roundings are multiplied by many cells."""
    rng = np.random.default_rng(3)
    flat = np.array([[3.0, 0.0, 0.0], [2.9, 0.2, 0.0], [0.1, 0.1, 4.0]])
    places = rng.uniform(0.0, 1.0, (4, 3)) @ flat + rng.integers(-100_000, 100_000, (4, 3)) @ flat
    batch = batch_of([(places, flat, CRYSTAL), (places, flat, (True, True, False))], torch.float64, "cpu")
    same_pairs(search(batch, 2.5, 0.0), brute_force.build(batch, 2.5, 0.0))


def test_more_pairs_than_int32_counts_are_refused(search, monkeypatch):
    batch = batch_of([cube(5, 1.0)], torch.float64, "cpu")
    pairs = search(batch, 1.5, 0.0).num_pairs
    monkeypatch.setattr("alchemi_core.neighbors.capacity.MAX_PAIRS", pairs)
    assert search(batch, 1.5, 0.0).num_pairs == pairs
    monkeypatch.setattr("alchemi_core.neighbors.capacity.MAX_PAIRS", pairs - 1)
    with pytest.raises(NeighborError, match=f"{pairs} pairs"):
        search(batch, 1.5, 0.0)
