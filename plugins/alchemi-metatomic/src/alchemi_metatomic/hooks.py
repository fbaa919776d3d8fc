"""What this distribution offers beside the command ``alchemi export``."""

from __future__ import annotations

from alchemi_core.hookspecs import hookimpl
from alchemi_core.offers import ModelOffer

CITATIONS = ("10.1063/5.0304911",)
"""Bigi et al., J. Chem. Phys. 164, 064113 (2026): metatensor and metatomic."""


@hookimpl
def alchemi_models() -> list[ModelOffer]:
    """Offer metatomic models as steps."""
    return []
