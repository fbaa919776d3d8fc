"""What this distribution offers."""

from __future__ import annotations

from alchemi_core.hookspecs import hookimpl
from alchemi_core.offers import NeighborOffer


@hookimpl
def alchemi_neighbors() -> list[NeighborOffer]:
    """Offer the conversion of lists in one pass, and the builder for batches of small systems."""
    return [
        NeighborOffer(
            name="numba-convert",
            role="convert",
            devices=("cpu",),
            rank=10,
            cost=8.0,
            summary="cutoff, layout, kind, width and integer type in one pass, on all of torch's threads",
            target="alchemi_neighbors_numba.converting:convert",
        ),
        # Small systems take a tenth of that; of a large one the core builds the list.
        NeighborOffer(
            name="numba-batches",
            role="builder",
            devices=("cpu",),
            rank=10,
            cost=200.0,
            summary="all small systems of a batch in one call; few or large ones by the core's builder",
            target="alchemi_neighbors_numba.batches:build",
        ),
    ]
