"""What this distribution offers. Every `alchemi models` imports this file, so it imports nothing heavy."""

from __future__ import annotations

from alchemi_core import ModelOffer, hookimpl

NAME = "stillinger-weber"

CITATIONS = ("10.1103/PhysRevB.31.5262",)


@hookimpl
def alchemi_models() -> list[ModelOffer]:
    """Offer the model."""
    return [
        ModelOffer(
            name=NAME,
            summary="Stillinger-Weber potential of silicon",
            target="alchemi_stillinger_weber.model:StillingerWeber",
            licence="MIT",
            citations=CITATIONS,
            units={"epsilon": "eV", "sigma": "Å"},
        )
    ]
