"""What this distribution offers."""

from __future__ import annotations

from alchemi_core.hookspecs import hookimpl
from alchemi_core.offers import ModelOffer

CITATIONS = ("10.1038/s42256-023-00716-3",)
"""Deng et al., Nat. Mach. Intell. 5, 1031 (2023)."""


@hookimpl
def alchemi_models() -> list[ModelOffer]:
    """Offer the potential."""
    return [
        ModelOffer(
            name="chgnet",
            summary="CHGNet 0.3.0, 0.2.0 and r2SCAN: universal potential with magnetic moments",
            target="alchemi_chgnet.model:CHGNet",
            licence="BSD-3-Clause",
            citations=CITATIONS,
        )
    ]
