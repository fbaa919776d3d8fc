"""Filtering: exactly the pairs below the cutoff at the positions of now, in either layout and kind."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from alchemi_core.errors import NeighborError
from alchemi_core.neighbors import building
from alchemi_core.neighbors.brute_force import build
from alchemi_core.neighbors.filtering import filter_list
from alchemi_core.neighbors.formats import to_matrix
from alchemi_core.neighbors.halves import to_half

from .pairs import rows
from .systems import CUTOFFS, batches

LAYOUTS = pytest.mark.parametrize("layout", [lambda pairs: pairs, to_matrix], ids=["pairs", "matrix"])


@settings(max_examples=60, deadline=None)
@given(batch=batches(), cutoff=CUTOFFS)
def test_equals_a_list_built_for_the_smaller_cutoff(batch, cutoff):
    wide, expected = build(batch, cutoff + 0.75, 0.0), build(batch, cutoff, 0.0)
    for source in (wide, to_matrix(wide)):
        chosen = filter_list(source, batch, cutoff)
        assert type(chosen) is type(source)
        assert rows(chosen) == rows(expected)
        assert (chosen.cutoff, chosen.skin, chosen.half_list) == (cutoff, 0.0, False)
    assert rows(filter_list(to_half(wide), batch, cutoff)) == rows(to_half(expected))


@LAYOUTS
def test_a_list_with_a_skin_becomes_exact_after_atoms_moved(batch, layout):
    old = layout(build(batch, 3.0, 0.6))
    step = torch.randn(batch.positions.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    step = (0.29 * step / step.norm(dim=1, keepdim=True)).to(batch.dtype)
    moved = batch.with_fields(positions=batch.positions + step)
    assert rows(filter_list(old, moved, 3.0)) == rows(build(moved, 3.0, 0.0))
    assert rows(build(moved, 3.0, 0.0)) != rows(build(batch, 3.0, 0.0))


@LAYOUTS
@pytest.mark.parametrize("cutoff", [1.0, 2**0.5, 3**0.5, 2.0])
def test_pairs_exactly_at_the_cutoff_are_out(argon, layout, cutoff, dtype):
    batch = argon([0.1, 0.2, 0.3], np.eye(3), dtype=dtype)
    chosen = filter_list(layout(build(batch, 2.5, 0.0)), batch, cutoff)
    assert rows(chosen) == rows(build(batch, cutoff, 0.0))
    assert all(sum(s * s for s in shift) < Fraction(cutoff) ** 2 for _, _, *shift in rows(chosen))


def test_the_same_pairs_at_the_edge_alone_and_in_a_batch(argon):
    """A pair exactly at the cutoff lies to either side by rounding, and must do so the same way everywhere."""
    cell = np.array([[2.1, 0.3, 0.1], [-0.9, 2.4, 0.2], [0.4, -0.5, -1.9]])
    alone = argon([[0.1, 0.2, 0.3], [1.3, 0.7, -0.9]], cell)
    both = type(alone).from_data_list([alone[0], alone[0]])
    wide, wider = building.build(alone, 6.0, 0.0), building.build(both, 6.0, 0.0)
    between = alone.positions[wide.neighbor_list[:, 1]] - alone.positions[wide.neighbor_list[:, 0]]
    for length in np.linalg.norm(between.numpy() + wide.neighbor_list_shifts.numpy() @ cell, axis=1)[:100]:
        for cutoff in (np.nextafter(length, 0.0), length, np.nextafter(length, 9.0)):
            inside = filter_list(wide, alone, float(cutoff)).num_pairs
            assert filter_list(wider, both, float(cutoff)).num_pairs == 2 * inside
            assert building.build(alone, float(cutoff), 0.0).num_pairs == inside


@LAYOUTS
def test_a_list_that_does_not_reach_far_enough_is_refused(batch, layout):
    with pytest.raises(NeighborError, match=r"cutoff of 3 Å for a reader that needs 3\.5 Å"):
        filter_list(layout(build(batch, 3.0, 1.0)), batch, 3.5)


def test_a_list_of_other_atoms_is_refused(argon):
    with pytest.raises(NeighborError, match="a list of 2 atoms"):
        filter_list(build(argon(np.zeros((2, 3))), 3.0, 0.0), argon(np.zeros((3, 3))), 3.0)


@LAYOUTS
def test_the_source_is_left_as_it_is(batch, layout):
    source = layout(build(batch, 3.0, 0.5))
    before = rows(source)
    filter_list(source, batch, 2.0)
    assert rows(source) == before
    assert (source.cutoff, source.skin) == (3.0, 0.5)
