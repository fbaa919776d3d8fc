"""What this distribution offers. Every `alchemi models` imports this file, so it imports nothing heavy."""

from __future__ import annotations

from alchemi_core import ModelOffer, SerializerOffer, hookimpl

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
            summary="pair potential with its parameters in a file",
            target="alchemi_my_plugin.reading:read",
            licence="LicenseRef-MY-LICENCE",
            citations=CITATIONS,
        )
    ]


@hookimpl
def alchemi_serializers() -> list[SerializerOffer]:
    """Offer what writes the model to pipeline files, under the name of the model."""
    return [
        SerializerOffer(
            name=NAME,
            summary="its parameters, in place of the file that they came from",
            target="alchemi_my_plugin.saving:MyPluginSerializer",
        )
    ]
