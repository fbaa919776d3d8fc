"""What this distribution offers."""

from __future__ import annotations

from alchemi_core.hookspecs import hookimpl
from alchemi_core.offers import ModelOffer

CITATIONS = ("10.1038/s42256-023-00716-3",)
"""Deng, Zhong, Jun, Riebesell, Han, Bartel and Ceder, Nat. Mach. Intell. 5, 1031 (2023)."""


@hookimpl
def alchemi_models() -> list[ModelOffer]:
    """Offer the potential."""
    return [
        ModelOffer(
            name="chgnet",
            summary="CHGNet: universal potentials with magnetic moments for 89 elements",
            target="alchemi_chgnet.model:CHGNetModel",
            licence="BSD-3-Clause-LBNL",
            citations=CITATIONS,
        )
    ]
