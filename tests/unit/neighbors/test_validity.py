"""Lists that somebody brings: right ones pass, wrong ones are named."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
import torch

from alchemi_core.data.batch import Batch
from alchemi_core.errors import GeometryError, NeighborError
from alchemi_core.neighbors.building import build
from alchemi_core.neighbors.formats import to_matrix
from alchemi_core.neighbors.halves import above_zero, to_half
from alchemi_core.neighbors.overlap import check_overlap
from alchemi_core.neighbors.selecting import select
from alchemi_core.neighbors.validity import check_list

PAIRS = torch.tensor([[0, 1], [1, 0], [1, 2], [2, 1]], dtype=torch.int32)


@pytest.fixture
def row(argon):
    """Three atoms in a row, each the neighbor of the next."""
    return argon([[0, 0, 0], [1, 0, 0], [2, 0, 0]])


@pytest.fixture
def pairs(row):
    return build(row, 1.5, 0.0)


@pytest.fixture
def matrix(pairs):
    return to_matrix(pairs)


def refused(neighbors, batch):
    with pytest.raises(NeighborError) as raised:
        check_list(neighbors, batch)
    return str(raised.value)


def test_right_lists_pass(batch):
    full = build(batch, 4.0, 0.5)
    for neighbors in (full, to_half(full), to_matrix(full), to_matrix(to_half(full))):
        check_list(neighbors, batch)


def test_empty_lists_pass(argon):
    for batch in (argon([]), argon([0, 0, 0])):
        check_list(build(batch, 1.0, 0.0), batch)
        check_list(to_matrix(build(batch, 1.0, 0.0)), batch)


def test_wide_integers_pass(pairs, row):
    check_list(attrs.evolve(pairs, neighbor_list=PAIRS.long(), edge_ptr=pairs.edge_ptr.long()), row)


def test_another_number_of_atoms(pairs, argon):
    assert "a list of 3 atoms" in refused(pairs, argon([[0, 0, 0], [1, 0, 0]]))


@pytest.mark.parametrize("name", ["neighbor_list", "neighbor_list_shifts", "edge_ptr"])
def test_indices_that_are_no_integers(pairs, row, name):
    assert f"{name} has type torch.float32" in refused(attrs.evolve(pairs, **{name: getattr(pairs, name).float()}), row)


@pytest.mark.parametrize("wrong", [3, -1])
def test_indices_out_of_range(pairs, row, wrong):
    bad = PAIRS.clone()
    bad[3, 1] = wrong
    assert "expected: 0..2" in refused(attrs.evolve(pairs, neighbor_list=bad), row)


def test_pairs_out_of_order(pairs, row):
    assert "not sorted by i" in refused(attrs.evolve(pairs, neighbor_list=PAIRS.flip(0)), row)


@pytest.mark.parametrize("edges", [[0, 2, 3, 4], [1, 2, 4, 5], [0, 1, 3, 3]])
def test_a_row_pointer_out_of_step(pairs, row, edges):
    assert "edge_ptr" in refused(attrs.evolve(pairs, edge_ptr=torch.tensor(edges, dtype=torch.int32)), row)


def test_padding_by_minus_one(matrix, row):
    bad = matrix.neighbor_matrix.masked_fill(matrix.neighbor_matrix == 3, -1)
    message = refused(attrs.evolve(matrix, neighbor_matrix=bad), row)
    assert "padded by -1" in message
    assert "padding 3" in message
    assert "matrix[matrix == -1] = num_atoms" in message


@pytest.mark.parametrize("wrong", [0, 4])
def test_other_padding(matrix, row, wrong):
    bad = matrix.neighbor_matrix.masked_fill(matrix.neighbor_matrix == 3, wrong)
    assert "do not agree" in refused(attrs.evolve(matrix, neighbor_matrix=bad), row)


def test_counts_out_of_step(matrix, row):
    counts = torch.tensor([1, 1, 1], dtype=torch.int32)
    assert "num_neighbors do not agree" in refused(attrs.evolve(matrix, num_neighbors=counts), row)


def test_entries_not_moved_to_the_left(matrix, row):
    bad = torch.tensor([[3, 1], [0, 2], [3, 1]], dtype=torch.int32)
    assert "from the left" in refused(attrs.evolve(matrix, neighbor_matrix=bad), row)


def test_pairs_across_systems(pairs, matrix, argon):
    apart = Batch.from_data_list([argon([[0, 0, 0], [1, 0, 0]])[0], argon([[2, 0, 0]])[0]])
    assert "two systems" in refused(pairs, apart)
    assert "two systems" in refused(matrix, apart)


@pytest.mark.parametrize("lay_out", [lambda neighbors: neighbors, to_matrix], ids=["pairs", "matrix"])
def test_a_half_list_that_says_it_is_full(batch, lay_out):
    half = lay_out(to_half(build(batch, 4.0, 0.0)))
    message = refused(attrs.evolve(half, half_list=False), batch)
    assert "says it is full" in message
    assert "and 0 the other" in message
    assert "half_list=True" in message


@pytest.mark.parametrize("lay_out", [lambda neighbors: neighbors, to_matrix], ids=["pairs", "matrix"])
def test_a_full_list_that_says_it_is_half(batch, lay_out):
    full = build(batch, 4.0, 0.0)
    message = refused(attrs.evolve(lay_out(full), half_list=True), batch)
    assert f"says it is half holds {full.num_pairs // 2} pairs a second time" in message
    assert "half_list=False" in message


def test_a_half_list_may_hold_either_direction(batch):
    full = build(batch, 4.0, 0.0)
    i, j = full.neighbor_list.unbind(1)
    chosen = torch.where((i + j) % 2 == 0, i < j, i > j) | ((i == j) & ~above_zero(full.neighbor_list_shifts))
    check_list(select(full, chosen, cutoff=4.0, half_list=True, skin=0.0), batch)


def test_a_matrix_that_lost_neighbors(matrix, row):
    assert "atom 1 has 9 neighbors" in refused(
        attrs.evolve(matrix, num_neighbors=torch.tensor([1, 9, 1], dtype=torch.int32)), row
    )
    assert "negative count" in refused(
        attrs.evolve(matrix, num_neighbors=torch.tensor([1, -1, 1], dtype=torch.int32)), row
    )


def test_self_images_count_too(argon):
    alone = argon([0, 0, 0], 2.5 * np.eye(3))
    images = build(alone, 3.0, 0.0)
    assert "says it is full" in refused(attrs.evolve(to_half(images), half_list=False), alone)
    assert "a second time" in refused(attrs.evolve(images, half_list=True), alone)


def test_an_atom_that_is_its_own_neighbor(pairs, row):
    itself = attrs.evolve(pairs, neighbor_list=torch.tensor([[0, 0], [1, 0], [1, 2], [2, 1]], dtype=torch.int32))
    assert "an atom with itself" in refused(itself, row)


def test_shifts_along_open_directions(argon):
    cube = argon([[0, 0, 0], [1, 1, 1]], 3.0 * np.eye(3))
    neighbors = build(cube, 3.0, 0.0)
    check_list(neighbors, cube)
    slab = cube.with_fields(pbc=torch.tensor([[True, True, False]]))
    assert "not periodic" in refused(neighbors, slab)
    assert "not periodic" in refused(to_matrix(neighbors), slab)
    assert "not periodic" in refused(neighbors, argon([[0, 0, 0], [1, 1, 1]]))


def test_numbers_beyond_int32(pairs, row):
    far = pairs.neighbor_list_shifts.long() + 2**32
    assert "beyond int32" in refused(attrs.evolve(pairs, neighbor_list_shifts=far), row)


@pytest.mark.parametrize(("cutoff", "skin"), [(float("inf"), 0.0), (0.0, 0.0), (3.0, -1.0), (3.0, float("nan"))])
def test_a_reach_that_makes_no_sense(pairs, matrix, cutoff, skin):
    for neighbors in (pairs, matrix):
        with pytest.raises(NeighborError, match="a positive cutoff"):
            attrs.evolve(neighbors, cutoff=cutoff, skin=skin)


def test_overlapping_atoms_are_named(argon, dtype, toolkit):
    batch = argon([[0, 0, 0], [1, 1, 1], [2, 0, 0], [1, 1, 1]], dtype=dtype)
    with pytest.raises(GeometryError, match="atoms 1 and 3 of system 0 overlap"):
        check_overlap(build(batch, 3.0, 0.0), batch, toolkit)


def test_an_overlap_with_an_image_is_named_with_its_shift(argon, toolkit):
    crystal = argon([[0, 0, 0], [0, 3, -1e-7]], 3.0 * np.eye(3))
    both = Batch.from_data_list([argon([[0, 0, 0], [1, 0, 0]])[0], crystal[0]])
    with pytest.raises(GeometryError, match=r"atoms 2 and 3 \(image \[0, -1, 0\]\) of system 1 overlap: 1e-07 Å"):
        check_overlap(build(both, 3.0, 0.0), both, toolkit)


def test_close_atoms_are_no_overlap(argon, batch, toolkit):
    near = argon([[0, 0, 0], [0, 0, 2e-6]])
    check_overlap(build(near, 3.0, 0.0), near, toolkit)
    check_overlap(build(batch, 3.0, 0.0), batch, toolkit)
    alone = argon([0, 0, 0])
    check_overlap(build(alone, 3.0, 0.0), alone, toolkit)
