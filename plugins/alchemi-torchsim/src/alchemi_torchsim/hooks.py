"""What this distribution offers."""

from __future__ import annotations

from alchemi_core.hookspecs import hookimpl
from alchemi_core.offers import ModelOffer

CITATIONS = ("10.1088/3050-287X/ae1799",)
"""Cohen et al., AI for Science 1, 025003 (2025)."""


@hookimpl
def alchemi_models() -> list[ModelOffer]:
    """Offer the models that come with TorchSim."""
    return [
        ModelOffer(
            name="torchsim",
            summary="a pair potential that comes with TorchSim: lennard-jones, morse or soft-sphere",
            target="alchemi_torchsim.shipped:ShippedPotential",
            licence="MIT",
            citations=CITATIONS,
            units={"sigma": "Å", "epsilon": "eV", "cutoff": "Å"},
            example={"model": "soft-sphere", "sigma": 3.4, "epsilon": 0.1, "alpha": 2.5},
        )
    ]
