"""Models that take their time, or the process with them: what wells of springs are not asked to do elsewhere."""

from __future__ import annotations

from alchemi_core.hookspecs import hookimpl
from alchemi_core.offers import ModelOffer


@hookimpl
def alchemi_models() -> list[ModelOffer]:
    return [
        ModelOffer(name="lethal", summary="kills its process", target="alchemi_misbehaving.models:Lethal"),
        ModelOffer(name="slow", summary="takes its time", target="alchemi_misbehaving.models:Slow"),
        ModelOffer(name="broken", summary="dies when it is made", target="alchemi_misbehaving.models:Broken"),
        ModelOffer(name="parental", summary="has a process", target="alchemi_misbehaving.models:Parental"),
    ]
