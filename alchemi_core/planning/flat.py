"""Flattening: nested pipelines become one row of steps and groups, each step keeping the scope it was declared in."""

from __future__ import annotations

import keyword
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.errors import CompositionError
from alchemi_core.planning.held import held_names
from alchemi_core.planning.regional import regional_config
from alchemi_core.planning.service import AUTOGRAD, Service
from alchemi_core.topology import PipelineGroup, PipelineStep, Topology
from alchemi_core.weights import Weight, as_weight

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from alchemi_core.models import BaseModelMixin, ModelConfig
    from alchemi_core.regions.region import Region
    from alchemi_core.weight_factors import Factor

Scope = tuple[int, ...]

_ON = " on "


@attrs.frozen
class Member:
    """A place in a committee.

    Parameters
    ----------
    committee : tuple of int
        Path of group and step numbers to the committee.
    number, count : int
        Which member of how many.
    calibration : float
        Factor on standard deviations.
    """

    committee: Scope
    number: int
    count: int
    calibration: float


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
    declared : ModelConfig
        What the model declares.
    config : ModelConfig
        What the step does: the same, unless it is evaluated on a part of each system.
    names : tuple of (str, str)
        Its outputs, each with the name readers know it by.
    weight : float
        Product of the weights around it, as far as they are numbers.
    factors : tuple of Factor
        The rest of it: functions of coupling parameters. A weight of zero has none.
    detach : bool
        Whether it passes fixed values on.
    group : int
        Number of its flat group.
    scope : tuple of int
        Path of group and step numbers; a longer common path means declared closer together.
    member : Member, optional
        Its place in the outermost committee around it, whose mean is in the weight already.
    regions : tuple of Region
        The part of each system that it is evaluated on: the atoms that are in all of them, each once, from outside in.
    held : tuple of (str, HeldValue)
        What holds the tensors in its weight, by name.
    """

    index: int
    label: str
    model: BaseModelMixin
    declared: ModelConfig
    config: ModelConfig
    names: tuple[tuple[str, str], ...]
    weight: float
    factors: tuple[Factor, ...]
    detach: bool
    group: int
    scope: Scope
    member: Member | None = None
    regions: tuple[Region, ...] = ()
    held: tuple[tuple[str, Any], ...] = ()

    @property
    def whole_weight(self) -> Weight:
        """Number and functions together."""
        return Weight(self.weight, self.factors)

    @property
    def couplings(self) -> frozenset[str]:
        """Names of the parameters that its weight is a function of."""
        return frozenset().union(*(factor.names for factor in self.factors))

    @property
    def counts(self) -> bool:
        """Whether what it adds to sums is anything at all: a weight that is the number zero makes it nothing."""
        return self.weight != 0.0

    def is_beside(self, other: FlatStep) -> bool:
        """Tell whether the other belongs to another member of the same committee."""
        one, two = self.member, other.member
        return one is not None and two is not None and one.committee == two.committee and one.number != two.number

    @property
    def variable(self) -> str:
        """Label as the name of a Python variable, for code in error messages."""
        name = re.sub(r"\W", "_", self.label.partition(_ON)[0] if self.regions else self.label)
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
    """What surrounds a step: scope, weight, renames from inside out, detached or not, a committee, regions inwards."""

    scope: Scope
    weight: Weight = Weight()  # noqa: RUF009 - frozen
    wires: tuple[Any, ...] = ()
    detach: bool = False
    member: Member | None = None
    regions: tuple[Region, ...] = ()

    def entering(self, group: PipelineGroup, position: int) -> _Context:
        step, member, weight = group.steps[position], self.member, self.weight
        if group.committee is not None:
            count = len(group.steps)
            weight = weight.times(as_weight(1.0 / count))
            member = member or Member(self.scope, position, count, group.committee.calibration)
        return _Context(
            scope=(*self.scope, position),
            weight=weight.times(as_weight(step.weight)),
            wires=(step.wire, *self.wires),
            detach=self.detach or step.detach,
            member=member,
            regions=tuple(dict.fromkeys([*self.regions, *([] if step.atoms is None else [step.atoms])])),
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
        If a nested pipeline with a custom derivative sits inside an autograd group, or one name in weights stands for
        two values.
    """
    drafts = [draft for i, group in enumerate(topology.groups) for draft in _split(group, _Context((i,)))]
    labels = iter(_labels([leaf for _, leaves in drafts for leaf in leaves]))
    numbers = iter(range(sum(len(leaves) for _, leaves in drafts)))
    held = held_names([context.weight for _, leaves in drafts for _, context in leaves])
    return tuple(
        FlatGroup(
            index=g,
            use_autograd=group.use_autograd,
            derivative_fn=(strategy := None if group.derivative_fn is None else bind(group.derivative_fn)),
            steps=tuple(_flat_step(leaf, next(numbers), next(labels), g, held) for leaf in leaves),
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
        yield group, [leaf for i in range(len(group.steps)) for leaf in _leaves(group, context, i)]
        return
    plain: list[_Leaf] = []
    for i, step in enumerate(group.steps):
        inner = inner_topology(step.model)
        inside = context.entering(group, i)
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


def _leaves(group: PipelineGroup, context: _Context, position: int) -> Iterator[_Leaf]:
    """Yield the plain steps inside a step of an autograd group."""
    step, inside = group.steps[position], context.entering(group, position)
    inner = inner_topology(step.model)
    if inner is None:
        yield step, inside
        return
    for j, within in enumerate(inner.groups):
        if within.derivative_fn is not None:
            raise CompositionError(
                "a pipeline with its own derivative_fn is nested in an autograd group, which takes one derivative",
                expected="one derivative per group",
                who=f"group {context.scope[0]}",
                fix="put the nested pipeline into a group of its own, without use_autograd",
            )
        deeper = attrs.evolve(inside, scope=(*inside.scope, j))
        for i in range(len(within.steps)):
            yield from _leaves(within, deeper, i)


def _labels(leaves: list[_Leaf]) -> list[str]:
    """Name steps after their models and regions, numbering those of one name from the second on."""
    seen: Counter[str] = Counter()
    labels = []
    for step, context in leaves:
        name = _ON.join([step.model.model_config.name, *([_told(context.regions)] if context.regions else [])])
        seen[name] += 1
        labels.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return labels


def _told(regions: tuple[Region, ...]) -> str:
    return " and ".join(f"({region})" if len(regions) > 1 else str(region) for region in regions)


def _flat_step(leaf: _Leaf, index: int, label: str, group: int, names: Mapping[int, str]) -> FlatStep:
    step, context = leaf
    weight = context.weight.folded()
    known = weight.named(names)
    declared = step.model.model_config
    config = regional_config(declared, context.regions) if context.regions else declared
    return FlatStep(
        index=index,
        label=label,
        model=step.model,
        declared=declared,
        config=config,
        names=tuple((output, _renamed(output, context.wires)) for output in config.kinds),
        weight=known.scale,
        factors=known.factors,
        detach=context.detach,
        group=group,
        scope=context.scope,
        member=context.member,
        regions=context.regions,
        held=tuple((names[id(one.held)], one.held) for one in weight.holding),
    )


def _renamed(output: str, wires: tuple[Any, ...]) -> str:
    name = output
    for wire in wires:
        name = wire.get(name, name)
    return name
