"""What this distribution offers beside the command ``alchemi export``."""

from __future__ import annotations

from alchemi_core.hookspecs import hookimpl
from alchemi_core.offers import ModelOffer


@hookimpl
def alchemi_models() -> list[ModelOffer]:
    """Offer metatomic models as steps."""
    return [
        ModelOffer(
            name="metatomic",
            summary="any potential that metatomic saved to a file",
            target="alchemi_metatomic.model:Metatomic",
            licence="that of the file",
        )
    ]
