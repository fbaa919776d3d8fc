"""What this distribution offers."""

from __future__ import annotations

from alchemi_core.hookspecs import hookimpl
from alchemi_core.offers import ModelOffer, SerializerOffer

CITATIONS = ("10.1039/D4SC08572H",)
"""Anstine, Zubatyuk and Isayev, Chem. Sci. 16, 10228 (2025)."""


@hookimpl
def alchemi_models() -> list[ModelOffer]:
    """Offer the potential."""
    return [
        ModelOffer(
            name="aimnet2",
            summary="AIMNet2: energies and charges of molecules, charged and open-shell ones too",
            target="alchemi_aimnet2.model:load_aimnet2",
            licence="MIT",
            citations=CITATIONS,
            units={"dsf_cutoff": "Å", "dsf_alpha": "1/Å"},
            example={"coulomb": False, "dispersion": False},  # the network alone, of which crystals have no limit
        )
    ]


@hookimpl
def alchemi_serializers() -> list[SerializerOffer]:
    """Offer to write the potential to pipeline files, and to rebuild it there without its checkpoint."""
    return [
        SerializerOffer(
            name="aimnet2",
            summary="description and facts of the checkpoint, and its tensors",
            target="alchemi_aimnet2.saving:AIMNet2Serializer",
        )
    ]
