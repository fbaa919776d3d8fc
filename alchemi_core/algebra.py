"""Model algebra: ``a + b``, ``a - b``, ``0.5 * a``, ``-a`` and ``a / 2``; and a sum, differentiated by a strategy.

Sums are associative and keep the settings of both sides. Whatever is no model and no weight gets Python's TypeError.
"""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.errors import DeclarationError, OptionError
from alchemi_core.models import BaseModelMixin
from alchemi_core.pipeline import PipelineModelWrapper
from alchemi_core.planning.flat import inner_topology
from alchemi_core.planning.service import Service
from alchemi_core.planning.settings import SHARED, agreed
from alchemi_core.quantities import DERIVATIVES
from alchemi_core.registry import create_derivative
from alchemi_core.strategies import as_strategy
from alchemi_core.topology import PipelineGroup, PipelineSettings, PipelineStep, Topology
from alchemi_core.weights import as_weight, is_weight

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
    if type(left) is int and left == 0 and isinstance(right, BaseModelMixin):
        return PipelineModelWrapper.from_topology(_topology(right), _registry(right))
    if not isinstance(left, BaseModelMixin) or not isinstance(right, BaseModelMixin):
        return NotImplemented
    one, other = _topology(left), _topology(right)
    settings = _merged(left, right, one.settings, other.settings)
    registry = agreed("registry", _registry(left), _registry(right), "a + b")
    return PipelineModelWrapper.from_topology(Topology((*one.groups, *other.groups), settings), registry)


def subtract(left: object, right: object) -> Any:
    """Return the pipeline of the left operand's groups and of the right one's, weighted by −1."""
    negative = scale(right, -1.0)
    return NotImplemented if negative is NotImplemented else add(left, negative)


def divide(model: object, number: object) -> Any:
    """Return the pipeline with every step's weight divided by a number."""
    if not isinstance(number, Real) or isinstance(number, bool):
        return NotImplemented
    if not number:
        raise DeclarationError("a model is divided by 0", expected="another number", who="algebra")
    return scale(model, 1.0 / float(number))


def scale(model: object, weight: object) -> Any:
    """Return the pipeline with every step's weight multiplied by a number, a tensor, or a function of λ."""
    if not isinstance(model, BaseModelMixin) or not is_weight(weight):
        return NotImplemented
    by = as_weight(weight)
    topology = _topology(model)
    groups = tuple(
        attrs.evolve(group, steps=tuple(attrs.evolve(s, weight=by.times(as_weight(s.weight))) for s in group.steps))
        for group in topology.groups
    )
    return PipelineModelWrapper.from_topology(attrs.evolve(topology, groups=groups), _registry(model))


def differentiate(
    model: BaseModelMixin, derivative: Any, *, registry: Registry | None = None, **options: Any
) -> PipelineModelWrapper:
    """Return a pipeline that takes derivatives of a model, or of the sum that a pipeline is, by one strategy.

    All steps come into one group with autograd, so that every term of the sum is in the derivative or refused.

    Parameters
    ----------
    model : BaseModelMixin
        Model or pipeline.
    derivative : str, Derivative or callable
        Name under which a plugin offers a strategy, or what `PipelineGroup` takes as ``derivative_fn``.
    registry : Registry, optional
        Where the name is looked up; by default that of the pipeline.
    **options
        Arguments of the strategy, where it is named.

    Returns
    -------
    PipelineModelWrapper
        When nothing else is asked, it computes the energy and what only the strategy gives.

    Raises
    ------
    CompositionError
        If the pipeline has a strategy of its own.
    OptionError, UnknownOfferError
        If there is no such strategy, or no such option.

    Examples
    --------
    >>> from alchemi_core import BaseModelMixin, ModelConfig, OnGraph
    >>> class Spring(BaseModelMixin):
    ...     model_config = ModelConfig(name="spring", outputs={"energy": OnGraph("positions")})
    ...
    ...     def compute(self, view, requested):
    ...         return {"energy": 0.5 * view.positions.square().sum().reshape(1, 1)}
    >>> print(differentiate(Spring(), "finite-difference", step=1e-3).plan_for({"forces"}))
    plan    1 step, 1 group, 0 neighbor lists       wants  forces
    needs   positions [N,3] Å   atomic_numbers [N]
    group 0 finite-difference
      [0] spring   reads positions numbers   writes energy
    forces = −d([0])/dr
    """
    if options and not isinstance(derivative, str):
        raise OptionError(
            f"options {sorted(options)} beside {derivative!r}",
            expected="options of a strategy that is named",
            who="differentiate",
            fix="make the strategy with its options first",
        )
    registry = _registry(model) if registry is None else registry
    made = create_derivative(derivative, registry=registry, **options) if isinstance(derivative, str) else derivative
    # A name alone is kept as such, so that the pipeline can be saved.
    group = PipelineGroup([model], use_autograd=True, derivative_fn=made if options else derivative)
    pipe = PipelineModelWrapper([group], registry=registry)
    own = frozenset(Service.of(as_strategy(made, str)).serves or ()) - DERIVATIVES
    return pipe.with_settings(active_outputs=own | ({"energy"} & pipe.active_outputs)) if own else pipe


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
