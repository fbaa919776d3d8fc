"""What this distribution offers. Every `alchemi models` imports this file, so it imports nothing heavy."""

from __future__ import annotations

from alchemi_core import ReductionOffer, hookimpl


@hookimpl
def alchemi_reductions() -> list[ReductionOffer]:
    """Offer the rule."""
    return [
        ReductionOffer(
            name="my-plugin",
            # FILL IN: one line for `alchemi plugins`
            summary="median of all steps' values by weight",
            target="alchemi_my_plugin.reduction:reduce",
        )
    ]
