"""What this distribution offers. Every `alchemi models` imports this file, so it imports nothing heavy."""

from __future__ import annotations

from alchemi_core import NeighborOffer, hookimpl


@hookimpl
def alchemi_neighbors() -> list[NeighborOffer]:
    """Offer the builder."""
    return [
        NeighborOffer(
            name="my-plugin",
            role="builder",
            # FILL IN: one line for `alchemi plugins`
            summary="every pair of atoms with every image in reach",
            target="alchemi_my_plugin.building:build",
            # FILL IN: the devices it runs on
            devices=("cpu",),
            # FILL IN: above 0 to be used in place of the core's builder, once it is faster than that
            rank=-5,
            # FILL IN: ns per pair that it writes, as measured
            cost=1000.0,
        )
    ]
