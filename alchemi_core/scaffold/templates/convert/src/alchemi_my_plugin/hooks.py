"""What this distribution offers. Every `alchemi models` imports this file, so it imports nothing heavy."""

from __future__ import annotations

from alchemi_core import NeighborOffer, hookimpl


@hookimpl
def alchemi_neighbors() -> list[NeighborOffer]:
    """Offer the converter."""
    return [
        NeighborOffer(
            name="my-plugin",
            role="convert",
            # FILL IN: one line for `alchemi plugins`
            summary="cutoff and kind of pairs in one pass",
            target="alchemi_my_plugin.converting:convert",
            # FILL IN: the devices it runs on
            devices=("cpu",),
            # FILL IN: above 0 once it is faster than what the core does step by step
            rank=-5,
            # FILL IN: ns per pair that it reads, as measured; planning takes the cheapest chain of conversions
            cost=1000.0,
        )
    ]
