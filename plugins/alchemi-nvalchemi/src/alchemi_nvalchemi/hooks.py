"""What this distribution offers."""

from __future__ import annotations

from alchemi_core.hookspecs import hookimpl
from alchemi_core.offers import ModelOffer


@hookimpl
def alchemi_models() -> list[ModelOffer]:
    """Offer the toolkit's own models as steps."""
    return [
        ModelOffer(
            name="nvalchemi",
            summary="models of nvalchemi-toolkit: Lennard-Jones, DFT-D3, Ewald and PME by name, others from Python",
            target="alchemi_nvalchemi.named:named_step",
            licence="Apache-2.0",
            example={"model": "lennard-jones", "epsilon": 0.0104, "sigma": 3.4, "cutoff": 8.5, "switch_width": 1.5},
        )
    ]
