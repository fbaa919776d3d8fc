"""What this distribution offers. Every `alchemi models` imports this file, so it imports nothing heavy."""

from __future__ import annotations

from alchemi_core import ModelOffer, hookimpl

NAME = "my-plugin"

# FILL IN: DOIs of what users are to cite; for each an entry in references.bib
CITATIONS = ("10.1103/PhysRev.34.57",)


@hookimpl
def alchemi_models() -> list[ModelOffer]:
    """Offer the model."""
    return [
        ModelOffer(
            name=NAME,
            # FILL IN: one line for `alchemi models`
            summary="pair potential with a smooth cutoff",
            target="alchemi_my_plugin.model:MyPlugin",
            licence="LicenseRef-MY-LICENCE",
            citations=CITATIONS,
            # FILL IN: the unit of each option that has one
            units={"depth": "eV", "steepness": "1/Å", "distance": "Å", "cutoff": "Å"},
        )
    ]
