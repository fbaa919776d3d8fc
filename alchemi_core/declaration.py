"""Declaration: a topology flattened, its strategies and rules looked up; what all plans of a pipeline start from."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.planning.flat import FlatGroup, FlatStep, flatten
from alchemi_core.planning.requests import check_settings, default_outputs
from alchemi_core.planning.settings import inherited
from alchemi_core.planning.synthesis import synthesize
from alchemi_core.strategies import as_strategy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from alchemi_core.data.batch import Batch
    from alchemi_core.derivatives.base import Derivative
    from alchemi_core.models import BaseModelMixin, ModelConfig
    from alchemi_core.reductions import Reduction
    from alchemi_core.registry import Registry
    from alchemi_core.topology import PipelineSettings, Topology

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
        Rules by name.
    strategies : mapping of int to Derivative
        Derivative strategy of each group.
    """

    groups: tuple[FlatGroup, ...]
    steps: tuple[FlatStep, ...]
    settings: PipelineSettings
    config: ModelConfig
    active: frozenset[str]
    reductions: Mapping[str, Reduction]
    strategies: Mapping[int, Derivative]

    @cached_property
    def models(self) -> tuple[BaseModelMixin, ...]:
        """Models by step number."""
        return tuple(step.model for step in self.steps)

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
            if now is not step.config and now != step.config:
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
    rules = {"sum", *(settings.reductions or {}).values()}
    return Declaration(
        groups=groups,
        steps=tuple(step for group in groups for step in group.steps),
        settings=settings,
        config=synthesize(groups, settings),
        active=default_outputs(groups) if settings.active_outputs is None else settings.active_outputs,
        reductions={rule: plugins.load(plugins.find("reduction", rule)) for rule in rules},
        strategies={group.index: bind(group.derivative_fn) for group in groups},
    )
