"""Declaration: a topology flattened, its strategies and rules looked up; what all plans of a pipeline start from."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.planning.flat import FlatGroup, FlatStep, flatten
from alchemi_core.planning.held import held_by
from alchemi_core.planning.requests import check_settings, default_outputs, sums
from alchemi_core.planning.settings import inherited
from alchemi_core.planning.stackable import stackable_committees
from alchemi_core.planning.synthesis import synthesize
from alchemi_core.restriction import Restricted
from alchemi_core.stacking.stack import Stack
from alchemi_core.strategies import as_strategy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from alchemi_core.data.batch import Batch
    from alchemi_core.data.held import HeldValue
    from alchemi_core.derivatives.base import Derivative
    from alchemi_core.models import BaseModelMixin, ModelConfig
    from alchemi_core.reductions import Reduction
    from alchemi_core.registry import Registry
    from alchemi_core.topology import PipelineSettings, ReductionRule, Topology

DEFAULT_SKIN = 0.5
"""Å. A list kept in dynamics at room temperature then serves some ten steps for a third more pairs."""


@attrs.frozen(eq=False)
class Declaration:
    """A flattened topology.

    Parameters
    ----------
    groups : tuple of FlatGroup
        Groups and steps outside any nesting.
    steps : tuple of FlatStep
        Steps of all groups, by number.
    settings : PipelineSettings
        Of the pipeline and, where it leaves them open, of those nested in it.
    config : ModelConfig
        Config of the whole.
    active : frozenset of str
        Outputs computed when a call does not say.
    reductions : mapping of str to Reduction
        Rules that the user named, by the output they are for.
    held : mapping of str to HeldValue
        Tensors in weights, by name.
    strategies : mapping of int to Derivative
        Derivative strategy of each group.
    """

    groups: tuple[FlatGroup, ...]
    steps: tuple[FlatStep, ...]
    settings: PipelineSettings
    config: ModelConfig
    active: frozenset[str]
    reductions: Mapping[str, Reduction]
    held: Mapping[str, HeldValue]
    strategies: Mapping[int, Derivative]

    @cached_property
    def models(self) -> tuple[BaseModelMixin, ...]:
        """Models by step number."""
        return tuple(self._model(step) for step in self.steps)

    def _model(self, step: FlatStep) -> BaseModelMixin:
        if not step.regions:
            return step.model
        zeros = frozenset(output for output, known in step.names if sums(known, self.settings))
        return Restricted(step.model, step.declared, step.config, step.regions, zeros, step.label)

    @cached_property
    def stacks(self) -> Mapping[tuple[int, ...], Stack]:
        """Committees whose members can be evaluated in one call, by the numbers of their steps."""
        found = {steps: Stack.of([self.models[n] for n in steps]) for steps in stackable_committees(self.groups)}
        return {steps: stack for steps, stack in found.items() if stack is not None}

    @property
    def skin(self) -> float:
        """Å: what the user chose, else the largest a model declares, else the default."""
        if self.settings.skin is not None:
            return self.settings.skin
        declared = self.config.neighbor_config.skin if self.config.neighbor_config is not None else 0.0
        return declared or DEFAULT_SKIN

    def is_stale(self) -> bool:
        """Tell whether some model has replaced its config by another; an equal one changes nothing."""
        for step in self.steps:
            now = step.model.model_config
            if now is not step.declared and now != step.declared:
                return True
        return False

    def request(self, requested: Iterable[str] | None, batch: Batch) -> tuple[frozenset[str], Mapping[str, str]]:
        """Return the outputs to compute, and why some of the default ones are not among them."""
        if requested is not None:
            return frozenset([requested] if isinstance(requested, str) else requested), {}
        chosen = self.settings.active_outputs is not None
        if batch.cell is None and "stress" in self.active and not chosen:
            return self.active - {"stress"}, {"stress": "no system of this batch has a cell, so none has a stress"}
        return self.active, {}


def _rule(rule: ReductionRule, plugins: Registry) -> Reduction:
    return rule if callable(rule) else plugins.load(plugins.find("reduction", rule))


def declare(topology: Topology, plugins: Registry) -> Declaration:
    """Flatten a topology and look up what it names.

    Raises
    ------
    PlanningError
        If it cannot be right whatever is requested.
    """

    def bind(derivative_fn: Any) -> Derivative:
        return as_strategy(derivative_fn, lambda name: plugins.load(plugins.find("derivative", name)))

    settings = inherited(topology)
    groups = flatten(topology, bind)
    check_settings(groups, settings)
    return Declaration(
        groups=groups,
        steps=tuple(step for group in groups for step in group.steps),
        settings=settings,
        config=synthesize(groups, settings),
        active=default_outputs(groups) if settings.active_outputs is None else settings.active_outputs,
        reductions={name: _rule(rule, plugins) for name, rule in (settings.reductions or {}).items()},
        held=held_by([step for group in groups for step in group.steps]),
        strategies={group.index: bind(group.derivative_fn) for group in groups},
    )
