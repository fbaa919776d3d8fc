"""What a converter must get right whatever the list: the edge, widths, overflow, sizes, and what it leaves alone."""

import itertools
from fractions import Fraction

import attrs
import numpy as np
import pytest
import torch
from alchemi_neighbors_warp import matrices
from alchemi_neighbors_warp.converting import convert

from alchemi_core.errors import NeighborError
from alchemi_core.neighbors import brute_force, capacity
from alchemi_core.neighbors.adapting import adapt
from alchemi_core.neighbors.capacity import check_capacity
from alchemi_core.neighbors.config import NeighborConfig
from alchemi_core.neighbors.formats import to_matrix
from alchemi_core.neighbors.halves import to_half

from .strategies import COO, MATRIX, assert_same, source_of

KINDS = tuple(itertools.product((COO, MATRIX), (False, True)))


def points_within(cutoff):
    """Points of the simple cubic lattice closer to the origin than the cutoff, itself not counted."""
    points = itertools.product(range(-4, 5), repeat=3)
    return sum(0 < a * a + b * b + c * c < Fraction(cutoff) ** 2 for a, b, c in points)


@pytest.mark.parametrize(("layout", "half"), KINDS)
@pytest.mark.parametrize("cutoff", [0.5, 1.0, 2**0.5, 3**0.5, 2.0, 5**0.5])
def test_pairs_exactly_at_the_cutoff_are_out(argon, dtype, layout, half, cutoff):
    batch = argon([0.0, 0.0, 0.0], np.eye(3), dtype=dtype)
    source = source_of(batch, 2.25, 0.0, layout, half=half)
    found = convert(source, batch, NeighborConfig(cutoff), False)
    assert found.num_pairs == points_within(cutoff)
    matrix = convert(source, batch, NeighborConfig(cutoff, MATRIX, half_list=True), False)
    assert matrix.num_neighbors.tolist() == [points_within(cutoff) // 2]


@pytest.mark.parametrize(("layout", "half"), KINDS)
@pytest.mark.parametrize("wants_half", [False, True])
def test_a_row_too_full_for_its_width_is_an_error(batch, reference, layout, half, wants_half):
    source = source_of(batch, 4.0, 0.0, layout, half=half)
    need = NeighborConfig(3.5, MATRIX, wants_half)
    fullest = int(convert(source, batch, need, False).num_neighbors.max())
    fits = convert(source, batch, attrs.evolve(need, width=fullest), False)
    assert fits.neighbor_matrix.shape[1] == fullest
    tight = attrs.evolve(need, width=fullest - 1)
    with pytest.raises(NeighborError, match=f"has {fullest} neighbors") as raised:
        convert(source, batch, tight, False)
    with pytest.raises(NeighborError) as expected:
        adapt(source, batch, tight, reference, stale=False)
    assert str(raised.value) == str(expected.value)


@pytest.mark.parametrize(("layout", "half"), KINDS)
@pytest.mark.parametrize("wants_half", [False, True])
def test_without_waiting_rows_keep_what_fits_and_count_all(monkeypatch, batch, reference, layout, half, wants_half):
    """On an accelerator nobody looks at the counts before the core does."""
    monkeypatch.setattr(matrices, "_check_room", lambda counts, columns: None)
    source = source_of(batch, 4.0, 0.3, layout, half=half)
    need = NeighborConfig(3.5, MATRIX, wants_half)
    whole = adapt(source, batch, need, reference, stale=False)
    cut = convert(source, batch, attrs.evolve(need, width=3), False)
    assert torch.equal(cut.neighbor_matrix, whole.neighbor_matrix[:, :3])
    assert torch.equal(cut.neighbor_matrix_shifts, whole.neighbor_matrix_shifts[:, :3])
    assert torch.equal(cut.num_neighbors, whole.num_neighbors)
    with pytest.raises(NeighborError, match=f"has {int(whole.num_neighbors.max())} neighbors"):
        check_capacity(cut)


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize(
    "need", [NeighborConfig(3.0), NeighborConfig(3.0, MATRIX), NeighborConfig(3.0, MATRIX, width=90)]
)
def test_a_matrix_that_lost_neighbors_is_not_read_as_if_it_had_not(monkeypatch, batch, half, need):
    whole = source_of(batch, 4.0, 0.0, MATRIX, half=half)
    cut = attrs.evolve(
        whole,
        neighbor_matrix=whole.neighbor_matrix[:, :4],
        neighbor_matrix_shifts=whole.neighbor_matrix_shifts[:, :4],
    )
    with pytest.raises(NeighborError, match="neighbors"):
        convert(cut, batch, need, False)
    if need.format is MATRIX:
        monkeypatch.setattr(matrices, "_check_room", lambda counts, columns: None)
        with pytest.raises(NeighborError, match="neighbors"):
            check_capacity(convert(cut, batch, need, False))


@pytest.mark.parametrize(("layout", "half"), KINDS)
def test_a_list_already_right_comes_back_itself(batch, layout, half):
    source = source_of(batch, 3.0, 0.0, layout, half=half)
    assert convert(source, batch, NeighborConfig(3.0, layout, half), False) is source
    wide = convert(source, batch, NeighborConfig(3.0, layout, half, index_dtype="int64"), False)
    assert wide is not source
    assert convert(wide, batch, NeighborConfig(3.0, layout, half, index_dtype="int64"), False) is wide


@pytest.mark.parametrize("width", [None, 7])
@pytest.mark.parametrize("atoms", [0, 1])
@pytest.mark.parametrize(("layout", "half"), KINDS)
def test_no_atoms_and_no_pairs(argon, reference, layout, half, atoms, width):
    batch = argon(np.zeros((atoms, 3)), 9.0 * np.eye(3))
    source = source_of(batch, 3.0, 0.5, layout, half=half)
    for need in (NeighborConfig(2.0), NeighborConfig(2.0, MATRIX, width=width), NeighborConfig(2.0, half_list=True)):
        assert_same(convert(source, batch, need, True), adapt(source, batch, need, reference, stale=True))


def test_turned_pairs_of_a_half_list_stay_as_they_came(batch):
    source = to_half(brute_force.build(batch, 3.0, 0.0))
    full = convert(source, batch, NeighborConfig(3.0), False)
    late = full.neighbor_list[:, 0] > full.neighbor_list[:, 1]
    assert late.sum() * 2 <= full.num_pairs
    i = full.neighbor_list[late, 0].long()
    turned = attrs.evolve(
        source,
        neighbor_list=full.neighbor_list[late],
        neighbor_list_shifts=full.neighbor_list_shifts[late],
        edge_ptr=torch.searchsorted(i, torch.arange(batch.num_atoms + 1)).int(),
    )
    kept = convert(turned, batch, NeighborConfig(2.9, half_list=True), False)
    assert bool((kept.neighbor_list[:, 0] > kept.neighbor_list[:, 1]).all())
    assert kept.num_pairs > 0


def test_more_pairs_than_int32_counts_are_refused(batch, monkeypatch):
    source = to_half(brute_force.build(batch, 3.0, 0.0))
    need = NeighborConfig(3.0)  # full, so that more pairs come out than go in
    fits = convert(source, batch, need, False).num_pairs
    monkeypatch.setattr(capacity, "MAX_PAIRS", fits)
    assert convert(source, batch, need, False).num_pairs == fits
    monkeypatch.setattr(capacity, "MAX_PAIRS", fits - 1)
    with pytest.raises(NeighborError, match=rf"a list of {fits} pairs") as raised:
        convert(source, batch, need, False)
    assert raised.value.fix
    monkeypatch.setattr(capacity, "MAX_PAIRS", source.num_pairs - 1)
    with pytest.raises(NeighborError, match=rf"a list of {source.num_pairs} pairs"):
        convert(source, batch, need, False)


def test_a_list_on_another_device_is_refused(batch):
    source = brute_force.build(batch, 3.0, 0.0)
    elsewhere = attrs.evolve(
        source,
        neighbor_list=source.neighbor_list.to("meta"),
        neighbor_list_shifts=source.neighbor_list_shifts.to("meta"),
        edge_ptr=source.edge_ptr.to("meta"),
    )
    with pytest.raises(NeighborError, match="a list on meta"):
        convert(elsewhere, batch, NeighborConfig(2.0), False)


def test_positions_on_a_graph_are_left_alone(batch):
    positions = batch.positions.clone().requires_grad_()
    source = brute_force.build(batch, 3.0, 0.0)
    on_graph = convert(source, batch.with_leaves(positions, batch.cell), NeighborConfig(2.5, MATRIX), False)
    assert_same(on_graph, convert(source, batch, NeighborConfig(2.5, MATRIX), False))
    assert positions.grad is None
    assert not on_graph.neighbor_matrix.requires_grad


def test_a_matrix_of_the_readers_width_is_cut_without_a_chain(batch, reference):
    source = to_matrix(brute_force.build(batch, 3.0, 0.0), 80)
    for width in (60, 100):
        need = NeighborConfig(3.0, MATRIX, width=width)
        assert_same(convert(source, batch, need, False), adapt(source, batch, need, reference, stale=False))
