"""What this distribution offers."""

from __future__ import annotations

from alchemi_core.hookspecs import hookimpl
from alchemi_core.offers import ModelOffer, SerializerOffer

CITATIONS = ("10.1038/s42256-023-00716-3",)
"""Deng, Zhong, Jun, Riebesell, Han, Bartel and Ceder, Nat. Mach. Intell. 5, 1031 (2023)."""


@hookimpl
def alchemi_models() -> list[ModelOffer]:
    """Offer the potential."""
    return [
        ModelOffer(
            name="chgnet",
            summary="CHGNet: universal potentials with magnetic moments for 89 elements",
            target="alchemi_chgnet.loading:load_chgnet",
            licence="BSD-3-Clause-LBNL",
            citations=CITATIONS,
        )
    ]


@hookimpl
def alchemi_serializers() -> list[SerializerOffer]:
    """Offer to write it to pipeline files with its architecture, so that no checkpoint is needed to read them."""
    return [
        SerializerOffer(
            name="chgnet",
            summary="CHGNet by architecture and weights, without its checkpoint file",
            target="alchemi_chgnet.saving:CHGNetSerializer",
        )
    ]
