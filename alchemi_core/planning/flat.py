"""Flattening: nested pipelines become one row of steps and groups, each step keeping the scope it was declared in."""

from __future__ import annotations

import keyword
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.errors import CompositionError
from alchemi_core.planning.service import AUTOGRAD, Service
from alchemi_core.topology import PipelineGroup, PipelineStep, Topology
from alchemi_core.weights import Affine, Weight, as_weight

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from alchemi_core.models import BaseModelMixin, ModelConfig

Scope = tuple[int, ...]


@attrs.frozen(eq=False)
class FlatStep:
    """A step outside any nesting.

    Parameters
    ----------
    index : int
        Number among all steps.
    label : str
        Printed name, unique in the pipeline.
    model : BaseModelMixin
        The model itself, never a pipeline.
    config : ModelConfig
        What it declares.
    names : tuple of (str, str)
        Its outputs, each with the name readers know it by.
    weight : float
        Product of the weights around it, as far as they are numbers.
    factors : tuple of Affine
        The rest of it: functions of coupling parameters.
    detach : bool
        Whether it passes fixed values on.
    group : int
        Number of its flat group.
    scope : tuple of int
        Path of group and step numbers; a longer common path means declared closer together.
    """

    index: int
    label: str
    model: BaseModelMixin
    config: ModelConfig
    names: tuple[tuple[str, str], ...]
    weight: float
    factors: tuple[Affine, ...]
    detach: bool
    group: int
    scope: Scope

    @property
    def variable(self) -> str:
        """Label as the name of a Python variable, for code in error messages."""
        name = re.sub(r"\W", "_", self.label)
        return name if name.isidentifier() and not keyword.iskeyword(name) else f"model_{name}"


@attrs.frozen(eq=False)
class FlatGroup:
    """A group outside any nesting: its settings, its steps, its strategy (None is the default) and what that serves."""

    index: int
    use_autograd: bool
    derivative_fn: Any
    steps: tuple[FlatStep, ...]
    service: Service


@attrs.frozen(eq=False)
class _Context:
    """What surrounds a step: scope, weight, renames from inside out, and whether values are detached."""

    scope: Scope
    weight: Weight = Weight()  # noqa: RUF009 - frozen
    wires: tuple[Any, ...] = ()
    detach: bool = False

    def entering(self, step: PipelineStep, position: int) -> _Context:
        return _Context(
            scope=(*self.scope, position),
            weight=self.weight.times(as_weight(step.weight)),
            wires=(step.wire, *self.wires),
            detach=self.detach or step.detach,
        )


_Leaf = tuple[PipelineStep, _Context]


def flatten(topology: Topology, bind: Callable[[Any], Any]) -> tuple[FlatGroup, ...]:
    """Return the groups of a topology with nested pipelines inlined.

    A nested pipeline inside a group without autograd keeps its own groups. Inside an autograd group its steps join
    that group: the energies are summed on one graph, and the derivative of a sum is the sum of derivatives.

    Parameters
    ----------
    topology : Topology
        What was declared.
    bind : callable
        Makes a strategy of what a user wrote as ``derivative_fn``.

    Raises
    ------
    CompositionError
        If a nested pipeline with a custom derivative sits inside an autograd group.
    """
    drafts = [draft for i, group in enumerate(topology.groups) for draft in _split(group, _Context((i,)))]
    labels = iter(_labels([step for _, leaves in drafts for step, _ in leaves]))
    numbers = iter(range(sum(len(leaves) for _, leaves in drafts)))
    return tuple(
        FlatGroup(
            index=g,
            use_autograd=group.use_autograd,
            derivative_fn=(strategy := None if group.derivative_fn is None else bind(group.derivative_fn)),
            steps=tuple(_flat_step(leaf, next(numbers), next(labels), g) for leaf in leaves),
            service=AUTOGRAD if strategy is None else Service.of(strategy),
        )
        for g, (group, leaves) in enumerate(drafts)
    )


def inner_topology(model: BaseModelMixin) -> Topology | None:
    """Return the topology of a model that is itself a pipeline, else None."""
    inner = getattr(model, "topology", None)
    return inner if isinstance(inner, Topology) else None


def _split(group: PipelineGroup, context: _Context) -> Iterator[tuple[PipelineGroup, list[_Leaf]]]:
    """Yield flat groups: one for an autograd group, one per run of plain steps otherwise."""
    if group.use_autograd:
        yield group, [leaf for i, step in enumerate(group.steps) for leaf in _leaves(step, context, i)]
        return
    plain: list[_Leaf] = []
    for i, step in enumerate(group.steps):
        inner = inner_topology(step.model)
        inside = context.entering(step, i)
        if inner is None:
            plain.append((step, inside))
            continue
        if plain:
            yield group, plain
            plain = []
        for j, inner_group in enumerate(inner.groups):
            yield from _split(inner_group, attrs.evolve(inside, scope=(*inside.scope, j)))
    if plain:
        yield group, plain


def _leaves(step: PipelineStep, context: _Context, position: int) -> Iterator[_Leaf]:
    """Yield the plain steps inside a step of an autograd group."""
    inside = context.entering(step, position)
    inner = inner_topology(step.model)
    if inner is None:
        yield step, inside
        return
    for j, group in enumerate(inner.groups):
        if group.derivative_fn is not None:
            raise CompositionError(
                "a pipeline with its own derivative_fn is nested in an autograd group, which takes one derivative",
                expected="one derivative per group",
                who=f"group {context.scope[0]}",
                fix="put the nested pipeline into a group of its own, without use_autograd",
            )
        deeper = attrs.evolve(inside, scope=(*inside.scope, j))
        for i, nested in enumerate(group.steps):
            yield from _leaves(nested, deeper, i)


def _labels(steps: list[PipelineStep]) -> list[str]:
    """Name steps after their models, numbering those of one name from the second on."""
    seen: Counter[str] = Counter()
    labels = []
    for step in steps:
        name = step.model.model_config.name
        seen[name] += 1
        labels.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return labels


def _flat_step(leaf: _Leaf, index: int, label: str, group: int) -> FlatStep:
    step, context = leaf
    config = step.model.model_config
    return FlatStep(
        index=index,
        label=label,
        model=step.model,
        config=config,
        names=tuple((output, _renamed(output, context.wires)) for output in config.kinds),
        weight=context.weight.scale,
        factors=context.weight.factors,
        detach=context.detach,
        group=group,
        scope=context.scope,
    )


def _renamed(output: str, wires: tuple[Any, ...]) -> str:
    name = output
    for wire in wires:
        name = wire.get(name, name)
    return name
