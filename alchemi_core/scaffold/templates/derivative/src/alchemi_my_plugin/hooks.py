"""What this distribution offers. Every `alchemi models` imports this file, so it imports nothing heavy."""

from __future__ import annotations

from alchemi_core import DerivativeOffer, hookimpl


@hookimpl
def alchemi_derivatives() -> list[DerivativeOffer]:
    """Offer the strategy."""
    return [
        DerivativeOffer(
            name="my-plugin",
            # FILL IN: one line for `alchemi plugins`
            summary="pressure, −dE/dV",
            target="alchemi_my_plugin.strategy:MyPlugin",
        )
    ]
