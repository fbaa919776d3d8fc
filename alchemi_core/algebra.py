"""Model algebra: ``a + b`` and ``0.5 * a``, associative, keeping the settings of both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.models import BaseModelMixin
from alchemi_core.pipeline import PipelineModelWrapper
from alchemi_core.planning.flat import inner_topology
from alchemi_core.planning.settings import SHARED, agreed
from alchemi_core.topology import PipelineGroup, PipelineSettings, PipelineStep, Topology

if TYPE_CHECKING:
    from alchemi_core.registry import Registry


def add(left: object, right: object) -> Any:
    """Return the pipeline of both operands' groups, one after the other.

    A bare model is a group of its own. Zero is accepted on the left, so that ``sum([a, b, c])`` works.

    Raises
    ------
    CompositionError
        If both sides chose different values for one setting.
    """
    if left == 0 and isinstance(right, BaseModelMixin):
        return PipelineModelWrapper.from_topology(_topology(right), _registry(right))
    if not isinstance(left, BaseModelMixin) or not isinstance(right, BaseModelMixin):
        return NotImplemented
    one, other = _topology(left), _topology(right)
    settings = _merged(left, right, one.settings, other.settings)
    registry = agreed("registry", _registry(left), _registry(right), "a + b")
    return PipelineModelWrapper.from_topology(Topology((*one.groups, *other.groups), settings), registry)


def scale(model: object, weight: object) -> Any:
    """Return the pipeline with every step's weight multiplied."""
    if not isinstance(model, BaseModelMixin) or isinstance(weight, bool) or not isinstance(weight, int | float):
        return NotImplemented
    topology = _topology(model)
    groups = tuple(
        attrs.evolve(group, steps=tuple(attrs.evolve(s, weight=s.weight * weight) for s in group.steps))
        for group in topology.groups
    )
    return PipelineModelWrapper.from_topology(attrs.evolve(topology, groups=groups), _registry(model))


def _topology(model: BaseModelMixin) -> Topology:
    return inner_topology(model) or Topology((PipelineGroup(steps=[PipelineStep(model)]),))


def _registry(model: BaseModelMixin) -> Registry | None:
    return model.registry if isinstance(model, PipelineModelWrapper) else None


def _merged(
    left: BaseModelMixin, right: BaseModelMixin, one: PipelineSettings, other: PipelineSettings
) -> PipelineSettings:
    values = {name: agreed(name, getattr(one, name), getattr(other, name), "a + b") for name in SHARED}
    return PipelineSettings(**values, active_outputs=_active(left, right, one, other))


def _active(
    left: BaseModelMixin, right: BaseModelMixin, one: PipelineSettings, other: PipelineSettings
) -> frozenset[str] | None:
    """Union of what both sides compute by default, where either side chose it."""
    if one.active_outputs is None and other.active_outputs is None:
        return None
    return _default_of(left, one) | _default_of(right, other)


def _default_of(model: BaseModelMixin, settings: PipelineSettings) -> frozenset[str]:
    if settings.active_outputs is not None:
        return settings.active_outputs
    config = model.model_config
    if config.active_outputs is not None:
        return config.active_outputs
    return config.outputs | (config.autograd_outputs & {"forces", "stress"})
