"""Pipelines of alchemi as metatomic models, and metatomic models as steps of pipelines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alchemi_metatomic.exporting import export
    from alchemi_metatomic.model import Metatomic

__all__ = ["Metatomic", "export"]


def __getattr__(name: str) -> Any:
    """Import the public names when they are first used: listing plugins does not wait for torch."""
    if name == "export":
        from alchemi_metatomic.exporting import export

        return export
    if name == "Metatomic":
        from alchemi_metatomic.model import Metatomic

        return Metatomic
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
