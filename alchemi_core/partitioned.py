"""Partitioned evaluation: a call part by part, for what each step contributes and how far members disagree."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.derivatives.grad_mode import grad_mode
from alchemi_core.finishing import contributions_of, nothing, weighed
from alchemi_core.outputs import Contribution, Outputs
from alchemi_core.planning.requests import in_table_order
from alchemi_core.planning.stackable import in_one_call
from alchemi_core.provision import check_fixed_widths
from alchemi_core.reductions import root

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torch import Tensor

    from alchemi_core.evaluation import Call
    from alchemi_core.neighbors.lists import NeighborList
    from alchemi_core.planning.flat import FlatStep
    from alchemi_core.planning.partition import Part, Partition
    from alchemi_core.planning.plan import ExecutionPlan
    from alchemi_core.planning.spreads import PlannedCommittee, PlannedSpread
    from alchemi_core.stacking.stack import Stack

Values = dict[str, "Tensor"]


def partitioned_outputs(
    call: Call, whole: ExecutionPlan, partition: Partition, notes: Mapping[str, str], *, contributions: bool
) -> Outputs:
    """Run the parts of a request and return its outputs.

    Parameters
    ----------
    call : Call
        What is run, on which batch.
    whole : ExecutionPlan
        Plan of the whole request.
    partition : Partition
        Its parts.
    notes : mapping of str to str
        Why outputs that a caller might expect are missing.
    contributions : bool
        Whether to return what each step added as well.
    """
    run = _PartitionedRun(call, whole, partition)
    with grad_mode(enabled=call.differentiable):
        values = run.values()
        outputs = {name: values[name] for name in whole.requested}
    if run.lists:
        check_fixed_widths(whole, run.lists)
    return Outputs(outputs, tuple(run.contributions()) if contributions else (), notes)


@attrs.frozen(eq=False, slots=False)
class _PartitionedRun:
    """One call, part by part; all read the lists of the whole."""

    call: Call
    whole: ExecutionPlan
    partition: Partition

    @cached_property
    def lists(self) -> tuple[NeighborList, ...]:
        return self.call.lists(self.whole)

    @cached_property
    def parts(self) -> list[tuple[Part, Values]]:
        ready = {} if self.call.differentiable else self._stacked()
        return [(part, ready.get(part.steps) or self._run(part.plan)) for part in self.partition.parts]

    def _stacked(self) -> dict[tuple[int, ...], Values]:
        """Return what members of committees give that are evaluated in one call, by their steps."""
        declared = self.call.declared
        plans = {part.steps: part.plan for part in self.partition.parts}
        found: dict[tuple[int, ...], Values] = {}
        for members, stack in declared.stacks.items():
            keys: list[tuple[int, ...]] = [(n,) for n in members if (n,) in plans]
            own = {key: plans[key] for key in keys}
            served = all(in_one_call(plan, declared.steps[n]) for (n, *_), plan in own.items())
            if served and len(own) == len(members) and self.call.stacks(stack) and stack.fits():
                found |= self._by_stack(stack, own)
        return found

    def _by_stack(self, stack: Stack, plans: Mapping[tuple[int, ...], ExecutionPlan]) -> dict[tuple[int, ...], Values]:
        call, plan = self.call, next(iter(plans.values()))
        names, lists = [output.name for output in plan.outputs], self._lists_of(plan)
        values = stack.evaluate(call.batch, lists[0] if lists else None, names, differentiable=call.differentiable)
        steps = [call.declared.steps[n] for (n, *_) in plans]

        def of(number: int, step: FlatStep) -> Values:
            return {name: weighed(name, value[number], step, call.batch) for name, value in values.items()}

        return {(step.index,): of(number, step) for number, step in enumerate(steps)}

    @cached_property
    def members(self) -> list[tuple[Part, Values]]:
        return [(part, self._run(part.plan)) for part in self.partition.members]

    @cached_property
    def rest(self) -> list[Tensor | None]:
        plan = self.partition.rest
        return [] if plan is None else self.call.slots(plan, self._lists_of(plan))

    def _run(self, plan: ExecutionPlan) -> Values:
        return self.call.values(plan, self._lists_of(plan))

    def _lists_of(self, plan: ExecutionPlan) -> tuple[NeighborList, ...]:
        known = {planned.config: made for planned, made in zip(self.whole.lists, self.lists, strict=True)}
        return tuple(known[planned.config] for planned in plan.lists)

    def values(self) -> Values:
        """Return all outputs: sums over parts, what is no sum, and standard deviations."""
        values = {name: self._sum(name) for name in self.partition.sums}
        if self.partition.rest is not None:
            values |= self.call.finished(self.partition.rest, self.rest)
        return values | {spread.name: self._spread(spread) for spread in self.whole.spreads}

    def _sum(self, name: str) -> Tensor:
        given = [own[name] for _, own in self.parts if name in own]
        return _total(given) if given else nothing(name, self.call.batch)

    def _spread(self, spread: PlannedSpread) -> Tensor:
        return root(_total([self._variance(spread, committee) for committee in spread.committees]))

    def _variance(self, spread: PlannedSpread, committee: PlannedCommittee) -> Tensor:
        """Return the variance over the members of one committee, of sums as if each member were alone."""
        evaluated = self.parts if spread.of in self.partition.sums else self.members
        scale = committee.calibration * (len(committee.members) if spread.weighted else 1)
        given = scale * torch.stack([self._of_member(spread.of, steps, evaluated) for steps in committee.members])
        variance = (given - given.mean(dim=0)).square().sum(dim=0) / (len(given) - 1)
        return variance.sum(dim=-1) if spread.of == "forces" else variance

    @staticmethod
    def _of_member(name: str, steps: tuple[int, ...], evaluated: Sequence[tuple[Part, Values]]) -> Tensor:
        return _total([own[name] for part, own in evaluated if set(part.steps) <= set(steps) and name in own])

    def contributions(self) -> Iterator[Contribution]:
        """Yield what each step adds to each additive output, step by step."""
        for part, values in self.parts:
            (step,) = part.steps
            for name in in_table_order(values):
                yield Contribution(step, self.whole.labels[step], name, values[name])
        if self.partition.rest is not None:
            call = self.call
            yield from contributions_of(self.partition.rest, self.rest, call.batch, differentiable=call.differentiable)


def _total(values: Sequence[Tensor]) -> Tensor:
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total
