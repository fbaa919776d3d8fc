"""The builder against brute force, for batches of any mixture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from alchemi_neighbors_numba import batches
from alchemi_neighbors_numba.assembling import check_countable
from alchemi_neighbors_numba.efforts import efforts_of
from alchemi_neighbors_numba.frames import frames_of
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemi_core.errors import GeometryError, NeighborError
from alchemi_core.neighbors import brute_force, building
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


def test_few_systems_go_to_the_core_and_many_to_the_kernels(monkeypatch):
    searched = []
    monkeypatch.setattr(
        "alchemi_neighbors_numba.assembling.assembled", lambda batch, *_: searched.append(batch.num_systems)
    )
    for number in (batches.FEWEST_SYSTEMS - 1, batches.FEWEST_SYSTEMS):
        batches.build(batch_of([cube(3, 4.0)] * number, torch.float64, "cpu"), 2.0, 0.0)
    assert searched == [batches.FEWEST_SYSTEMS]


@pytest.fixture(scope="module")
def chain():
    """A chain of 3000 atoms, 2 Å apart: too many to try all pairs."""
    places = np.zeros((3000, 3))
    places[:, 0] = 2.0 * np.arange(3000)
    return places, np.zeros((3, 3)), OPEN


def test_large_systems_among_small_ones(search, chain):
    small = [cube(7, 3.0, seed) for seed in range(4)]
    batch = batch_of([small[0], chain, small[1], cube(0, 5.0), chain, small[2]], torch.float64, "cpu")
    assert efforts_of(frames_of(batch, 4.5), 4.5).chosen.tolist() == [True, False, True, True, False, True]
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


def test_skewed_cells_whose_atoms_are_far_away(search):
    """Nearly flat cells: the reciprocal vectors are long, and their roundings are multiplied by many cells."""
    rng = np.random.default_rng(3)
    flat = np.array([[3.0, 0.0, 0.0], [2.9, 0.2, 0.0], [0.1, 0.1, 4.0]])
    places = rng.uniform(0.0, 1.0, (4, 3)) @ flat + rng.integers(-100_000, 100_000, (4, 3)) @ flat
    batch = batch_of([(places, flat, CRYSTAL), (places, flat, (True, True, False))], torch.float64, "cpu")
    same_pairs(search(batch, 2.5, 0.0), brute_force.build(batch, 2.5, 0.0))


def test_more_pairs_than_int32_counts_are_refused():
    check_countable(2**31 - 1, 6.0)
    with pytest.raises(NeighborError, match="2147483648 pairs within 6 Å"):
        check_countable(2**31, 6.0)
