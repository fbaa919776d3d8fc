"""Committees whose members may be evaluated in one call, as far as the declaration tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.planning.spreads import committees_of
from alchemi_core.planning.wiring import resolve_wires

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alchemi_core.planning.flat import FlatGroup, FlatStep
    from alchemi_core.planning.plan import ExecutionPlan


def stackable_committees(groups: Sequence[FlatGroup]) -> tuple[tuple[int, ...], ...]:
    """Return the steps of committees of single models that say they can be stacked, and read nothing of other steps.

    Whether the models are alike in everything but their weights only looking at them can tell.
    """
    steps = [step for group in groups for step in group.steps]
    committees = [list(members.values()) for members in committees_of(steps)]
    if not any(step.config.stackable for step in steps if step.member is not None):
        return ()
    fed = {n for n, wires in enumerate(resolve_wires(groups)) if any(wire.producer is not None for wire in wires)}

    def alone(member: Sequence[FlatStep]) -> bool:
        return len(member) == 1 and all(
            one.config.stackable and one.index not in fed and groups[one.group].derivative_fn is None for one in member
        )

    return tuple(tuple(step.index for (step,) in members) for members in committees if all(map(alone, members)))


def in_one_call(plan: ExecutionPlan, step: FlatStep) -> bool:
    """Tell whether all that a plan gives of one step's energy is what a stack can give."""
    return all(output.name in step.config.outputs | step.config.autograd_outputs for output in plan.outputs)
