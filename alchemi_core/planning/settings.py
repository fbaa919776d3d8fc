"""Settings of several parts made one: of a sum, and of a pipeline with others nested in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.errors import CompositionError
from alchemi_core.planning.flat import inner_topology
from alchemi_core.topology import PipelineSettings, Topology

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARED = tuple(field.name for field in attrs.fields(PipelineSettings) if field.name != "active_outputs")
"""Settings that hold for a whole pipeline."""


def agreed(name: str, one: Any, other: Any, who: str) -> Any:
    """Return what two parts say about a setting.

    Raises
    ------
    CompositionError
        If both chose, and differently.
    """
    if one is None or other is None or one == other:
        return other if one is None else one
    raise CompositionError(
        f"{name} is {one!r} on one side and {other!r} on the other",
        expected="one value for the whole",
        who=who,
        fix=f"pipe.with_settings({name}=...) on one of them",
    )


def inherited(topology: Topology) -> PipelineSettings:
    """Return the settings of a pipeline; what it leaves open is taken from the pipelines nested in it.

    Raises
    ------
    CompositionError
        If nested pipelines contradict each other where the outer one says nothing.
    """
    settings = topology.settings
    for inner in _nested(topology):
        own = inherited(inner)
        open_ = [name for name in SHARED if getattr(topology.settings, name) is None]
        values = {name: agreed(name, getattr(settings, name), getattr(own, name), "nested pipelines") for name in open_}
        settings = attrs.evolve(settings, **values)
    return settings


def _nested(topology: Topology) -> Iterator[Topology]:
    for model in topology.models:
        inner = inner_topology(model)
        if inner is not None:
            yield inner
