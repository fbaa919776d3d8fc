"""Partition: the energies of a pipeline in parts, each with a plan of its own, whose outputs add up to the whole.

What a step contributes to the forces is what the pipeline would give if no other energy counted, while all that feeds
the step still does. So a part is planned as the pipeline it would be then, by the same planner: chain rules, reported
terms and strategies are treated as ever, and by linearity the parts add up to the whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alchemi_core.frozenmap import FrozenMap
from alchemi_core.neighbors.routing import REFERENCE_COSTS
from alchemi_core.planning.planner import make_part
from alchemi_core.planning.reporting import reports_any
from alchemi_core.planning.requests import is_of_energy
from alchemi_core.planning.spreads import committees_of
from alchemi_core.quantities import QUANTITIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from alchemi_core.planning.flat import FlatGroup, FlatStep
    from alchemi_core.planning.plan import ExecutionPlan
    from alchemi_core.topology import PipelineSettings

_OF_ENERGY = frozenset(
    {"energy", "node_energies"} | {q.name for q in QUANTITIES.values() if q.derivative and q.derivative.of == "energy"}
)


@attrs.frozen
class Part:
    """Some energies of a pipeline.

    Parameters
    ----------
    steps : tuple of int
        The steps whose they are.
    plan : ExecutionPlan
        Of these energies alone.
    """

    steps: tuple[int, ...]
    plan: ExecutionPlan


@attrs.frozen
class Partition:
    """A request in parts.

    Parameters
    ----------
    sums : frozenset of str
        Outputs that are sums over `parts`.
    parts : tuple of Part
        Energies step by step, or member by member with those of no committee at the end.
    members : tuple of Part
        Members of committees, with what they give beside energies.
    rest : ExecutionPlan, optional
        All other outputs.
    """

    sums: frozenset[str]
    parts: tuple[Part, ...]
    members: tuple[Part, ...]
    rest: ExecutionPlan | None


def make_partition(
    groups: tuple[FlatGroup, ...],
    settings: PipelineSettings,
    whole: ExecutionPlan,
    *,
    by_step: bool,
    differentiable: bool = False,
    costs: Mapping[str, float] = REFERENCE_COSTS,
) -> Partition:
    """Divide a plan.

    Parameters
    ----------
    groups, settings
        The flattened pipeline.
    whole : ExecutionPlan
        Plan of the request.
    by_step : bool
        Whether each step with an energy is a part, as contributions need it, rather than each member.
    differentiable, costs
        As for `make_plan`.
    """
    asked = frozenset(output.name for output in whole.outputs) | {spread.of for spread in whole.spreads}
    sums = frozenset(filter(is_of_energy, asked))
    others = frozenset(spread.of for spread in whole.spreads) - sums
    running = {step.index for step in whole.steps}
    steps = [step for group in groups for step in group.steps if step.index in running]

    def parts(division: Sequence[tuple[FlatStep, ...]], names: frozenset[str]) -> Iterator[Part]:
        for kept in division if names else ():
            own = tuple(_only(group, kept) for group in groups)
            plan = make_part(own, settings, names, differentiable=differentiable, costs=costs)
            yield Part(tuple(step.index for step in kept), plan)

    energetic = [step for step in steps if "energy" in step.config.kinds or reports_any(step)]
    division = [(step,) for step in energetic] if by_step else _by_member(energetic)
    rest = frozenset(output.name for output in whole.outputs) - sums
    return Partition(
        sums=sums,
        parts=tuple(parts(division, sums)),
        members=tuple(parts(_by_member([step for step in steps if step.member is not None]), others)),
        rest=make_part(groups, settings, rest, differentiable=differentiable, costs=costs) if rest else None,
    )


def _by_member(steps: Sequence[FlatStep]) -> list[tuple[FlatStep, ...]]:
    members = [own for numbered in committees_of(steps) for _, own in sorted(numbered.items())]
    alone = tuple(step for step in steps if step.member is None)
    return [*members, alone] if alone else members


def _only(group: FlatGroup, kept: Sequence[FlatStep]) -> FlatGroup:
    """Return a group in which only the energies of the steps that are kept count."""
    return attrs.evolve(group, steps=tuple(step if step in kept else _muted(step, kept) for step in group.steps))


def _muted(step: FlatStep, kept: Sequence[FlatStep]) -> FlatStep:
    """Return a step that has no energy; one of another member of the committee gives nothing at all."""
    beside = any(step.is_beside(other) for other in kept)
    kinds = {name: kind for name, kind in step.config.kinds.items() if not (beside or name in _OF_ENERGY)}
    config = attrs.evolve(step.config, outputs=FrozenMap(kinds))
    return attrs.evolve(step, config=config, names=tuple(pair for pair in step.names if pair[0] in kinds))
