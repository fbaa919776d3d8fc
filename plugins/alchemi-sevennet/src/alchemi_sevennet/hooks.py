"""What this distribution offers."""

from __future__ import annotations

from alchemi_core.hookspecs import hookimpl
from alchemi_core.offers import ModelOffer, SerializerOffer

CITATIONS = ("10.1021/acs.jctc.4c00190",)
"""Park, Kim, Hwang and Han, J. Chem. Theory Comput. 20, 4857 (2024)."""

EXEMPT = {"reflection": "The shipped networks know no parity: energies of mirror images differ a little."}
"""Checks of the conformance kit that the default does not pass."""


@hookimpl
def alchemi_models() -> list[ModelOffer]:
    """Offer the potential."""
    return [
        ModelOffer(
            name="sevennet",
            summary="SevenNet-0, l3i5 and MF-0: universal equivariant potentials for 89 elements",
            target="alchemi_sevennet.loading:load_sevennet",
            licence="MIT",
            citations=CITATIONS,
            exempt=EXEMPT,
        )
    ]


@hookimpl
def alchemi_serializers() -> list[SerializerOffer]:
    """Offer to write it to pipeline files with its architecture, so that no checkpoint is needed to read them."""
    return [
        SerializerOffer(
            name="sevennet",
            summary="SevenNet by architecture and weights, without its checkpoint file",
            target="alchemi_sevennet.saving:SevenNetSerializer",
        )
    ]
