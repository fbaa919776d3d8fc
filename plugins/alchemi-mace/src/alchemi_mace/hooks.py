"""What this distribution offers."""

from __future__ import annotations

from alchemi_core.hookspecs import hookimpl
from alchemi_core.offers import ModelOffer, SerializerOffer

CITATIONS = ("10.48550/arXiv.2206.07697",)
"""Batatia, Kovács, Simm, Ortner and Csányi, Adv. Neural Inf. Process. Syst. 35 (2022)."""


@hookimpl
def alchemi_models() -> list[ModelOffer]:
    """Offer the potential."""
    return [
        ModelOffer(
            name="mace",
            summary="MACE: any checkpoint of mace-torch, and the foundation models that it knows by name",
            target="alchemi_mace.loading:load",
            licence="MIT or ASL, by checkpoint",
            citations=CITATIONS,
        )
    ]


@hookimpl
def alchemi_serializers() -> list[SerializerOffer]:
    """Offer the way in which the potential is written to a pipeline file."""
    return [
        SerializerOffer(
            name="mace",
            summary="MACE by its architecture and tensors, without a model file",
            target="alchemi_mace.saving:MACESerializer",
        )
    ]
