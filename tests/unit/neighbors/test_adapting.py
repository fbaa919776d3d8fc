"""From any source list to exactly what a reader declared."""

from __future__ import annotations

import itertools

import attrs
import pytest
import torch

from alchemi_core.errors import NeighborError
from alchemi_core.neighbors.adapting import adapt
from alchemi_core.neighbors.building import build
from alchemi_core.neighbors.config import NeighborConfig, NeighborListFormat
from alchemi_core.neighbors.formats import to_matrix
from alchemi_core.neighbors.halves import to_half

from .pairs import reverse, rows

COO, MATRIX = NeighborListFormat.COO, NeighborListFormat.MATRIX
KINDS = tuple(itertools.product((COO, MATRIX), (False, True)))


def make(batch, layout, half, *, cutoff=4.0, skin=0.0):
    source = build(batch, cutoff, skin)
    source = to_half(source) if half else source
    return to_matrix(source) if layout is MATRIX else source


@pytest.fixture
def recorded(toolkit):
    """A toolkit that writes down what it is asked to do."""
    calls = []

    def record(name):
        function = getattr(toolkit, name)

        def call(*given):
            calls.append(name)
            return function(*given)

        return call

    names = [name for name, part in attrs.asdict(toolkit, recurse=False).items() if callable(part)]
    return attrs.evolve(toolkit, **{name: record(name) for name in names}), calls


@pytest.mark.parametrize(("layout", "half"), KINDS)
@pytest.mark.parametrize(("wanted", "wants_half"), KINDS)
@pytest.mark.parametrize("cutoff", [4.0, 2.9])
def test_every_source_serves_every_reader(batch, toolkit, layout, half, wanted, wants_half, cutoff):
    need = NeighborConfig(cutoff, wanted, wants_half, skin=0.3)
    result = adapt(make(batch, layout, half, skin=0.5), batch, need, toolkit, stale=False)
    assert (result.cutoff, result.format, result.half_list, result.skin) == (cutoff, wanted, wants_half, 0.0)
    expected = rows(build(batch, cutoff, 0.0))
    found = rows(result)
    assert (found | {reverse(row) for row in found} if wants_half else found) == expected
    assert len(found) == (len(expected) // 2 if wants_half else len(expected))


@pytest.mark.parametrize(("layout", "half"), KINDS)
def test_a_list_already_right_comes_back_itself_and_nothing_runs(batch, recorded, layout, half):
    toolkit, calls = recorded
    source = make(batch, layout, half)
    del calls[:]
    assert adapt(source, batch, NeighborConfig(4.0, layout, half), toolkit, stale=False) is source
    assert "filter" not in calls
    assert "build" not in calls


def test_pairs_are_halved_before_distances_are_taken_and_padded_last(batch, recorded):
    toolkit, calls = recorded
    adapt(build(batch, 4.0, 0.0), batch, NeighborConfig(3.0, MATRIX, half_list=True), toolkit, stale=False)
    assert calls == ["to_half", "filter", "to_matrix"]


def test_pairs_are_dropped_before_they_are_doubled(batch, recorded):
    toolkit, calls = recorded
    adapt(to_half(build(batch, 4.0, 0.0)), batch, NeighborConfig(3.0), toolkit, stale=False)
    assert [name for name in calls if name != "to_coo"] == ["filter", "to_full"]


def test_a_stale_list_with_a_skin_is_exact_again_at_its_own_cutoff(batch, toolkit):
    old = build(batch, 3.0, 0.6)
    moved = batch.with_fields(positions=batch.positions + 0.25 * torch.sin(7.0 * batch.positions))
    result = adapt(old, moved, NeighborConfig(3.0), toolkit, stale=True)
    assert rows(result) == rows(build(moved, 3.0, 0.0))
    assert rows(result) != rows(build(batch, 3.0, 0.0))


@pytest.mark.parametrize("stale", [False, True])
def test_a_skin_does_not_widen_what_a_list_can_serve(batch, toolkit, stale):
    with pytest.raises(NeighborError, match=r"needs 3\.2 Å"):
        adapt(build(batch, 3.0, 0.5), batch, NeighborConfig(3.2), toolkit, stale=stale)


def test_a_stale_list_without_a_skin_is_refused(batch, toolkit):
    with pytest.raises(NeighborError, match="made for other positions"):
        adapt(build(batch, 3.0, 0.0), batch, NeighborConfig(3.0), toolkit, stale=True)
