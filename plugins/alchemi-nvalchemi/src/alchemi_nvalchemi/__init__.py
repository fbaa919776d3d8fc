"""Pipelines of alchemi in nvalchemi-toolkit, and its model wrappers in pipelines of alchemi."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alchemi_nvalchemi.pipeline_wrapper import AlchemiPipelineWrapper
    from alchemi_nvalchemi.step import NvalchemiStep

__all__ = ["AlchemiPipelineWrapper", "NvalchemiStep"]


def __getattr__(name: str) -> Any:
    """Import the public names when they are first used: listing plugins does not wait for torch."""
    if name == "AlchemiPipelineWrapper":
        from alchemi_nvalchemi.pipeline_wrapper import AlchemiPipelineWrapper

        return AlchemiPipelineWrapper
    if name == "NvalchemiStep":
        from alchemi_nvalchemi.step import NvalchemiStep

        return NvalchemiStep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
