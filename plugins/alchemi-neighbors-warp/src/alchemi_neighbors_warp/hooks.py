"""What this distribution offers."""

from __future__ import annotations

from alchemi_core.hookspecs import hookimpl
from alchemi_core.offers import NeighborOffer

RANK = 20


@hookimpl
def alchemi_neighbors() -> list[NeighborOffer]:
    """Offer the builder and the converter, for CUDA tensors."""
    return [
        NeighborOffer(
            name="warp-build",
            role="builder",
            devices=("cuda",),
            rank=RANK,
            cost=1.0,
            summary="cell lists of nvalchemi-toolkit-ops, with the edge of the cutoff settled in float64",
            target="alchemi_neighbors_warp.building:build",
        ),
        NeighborOffer(
            name="warp-convert",
            role="convert",
            devices=("cuda",),
            rank=RANK,
            cost=0.1,
            summary="filter, layout, kind, width and integer type in one pass, by Warp kernels",
            target="alchemi_neighbors_warp.converting:convert",
        ),
    ]
