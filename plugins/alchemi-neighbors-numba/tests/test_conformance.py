"""The conformance kit of alchemi: converter and builder as they are offered, and the builder's own search."""

from __future__ import annotations

from alchemi_neighbors_numba.batches import search_or_build

from alchemi_core.testing import NeighborSubject, parametrize_conformance


@parametrize_conformance(
    "alchemi-neighbors-numba",
    NeighborSubject("builder", search_or_build, name="search"),
)
def test_conformance(check):
    check()
