"""Running a plan: one loop over local slots. Nothing outside is changed, so an exception leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import attrs

from alchemi_core.data.detaching import off_graph
from alchemi_core.data.view import ModelView
from alchemi_core.derivatives.answers import check_answer
from alchemi_core.derivatives.autograd import Autograd
from alchemi_core.derivatives.base import Derivative, GroupState
from alchemi_core.derivatives.grad_mode import grad_mode
from alchemi_core.errors import ModelOutputError, nearest
from alchemi_core.finishing import reduced
from alchemi_core.planning.plan import Mode
from alchemi_core.reductions import weighted_sum
from alchemi_core.sampling import Sampler, on_leaves, refuse_samples, summed

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.models import BaseModelMixin
    from alchemi_core.neighbors.lists import NeighborList
    from alchemi_core.planning.plan import ExecutionPlan, PlannedGroup, PlannedStep
    from alchemi_core.quantities import Quantity

Slots = list["Tensor | None"]
Values = dict[str, "Tensor | None"]
ListsFor = Callable[["Batch"], "tuple[NeighborList, ...]"]


@attrs.frozen(eq=False)
class Run:
    """One call of a pipeline.

    Parameters
    ----------
    plan : ExecutionPlan
        What to do.
    models : tuple of BaseModelMixin
        Models by step number of the declaration.
    strategies : mapping of int to Derivative
        Derivative strategy of each group that has one.
    batch : Batch
        Off the graph, unless the caller differentiates through the pipeline.
    lists : tuple of NeighborList
        The plan's lists for this batch.
    lists_for : callable
        Makes the plan's lists for another geometry.
    differentiable : bool
        Whether outputs stay on the graph.
    """

    plan: ExecutionPlan
    models: tuple[BaseModelMixin, ...]
    strategies: Mapping[int, Derivative]
    batch: Batch
    lists: tuple[NeighborList, ...]
    lists_for: ListsFor
    differentiable: bool

    def execute(self) -> Slots:
        """Run all groups and return the values by slot."""
        slots: Slots = [None] * self.plan.num_slots
        for group, steps in zip(self.plan.groups, self.plan.steps_by_group, strict=True):
            self._group(group, steps, slots)
        return slots

    def _group(self, group: PlannedGroup, steps: tuple[PlannedStep, ...], slots: Slots) -> None:
        if not group.serves:
            with grad_mode(enabled=self.differentiable):
                self._steps(steps, self.batch, self.batch, self.lists, slots)
            return
        strategy = self.strategies[group.index]
        with grad_mode(enabled=self.differentiable or not group.sampled):
            sample = self._sampler(group, steps, slots) if group.sampled else refuse_samples(strategy.name)
            state = GroupState(self.batch, sample, self.differentiable)
            answer = self._answer(strategy, state, group, steps, slots) if group.served else {}
            if not group.served:
                self._steps(steps, self.batch, self.batch, self.lists, slots)
            if group.aside:
                answer = {**answer, **sample(self.batch, group.aside)}
        for write in group.serves:
            slots[write.slot] = answer[write.name]

    def _answer(
        self, strategy: Derivative, state: GroupState, group: PlannedGroup, steps: tuple[PlannedStep, ...], slots: Slots
    ) -> Mapping[str, Tensor]:
        data, tape = strategy.prepare(state)
        self._steps(steps, data, self.batch, self.lists, slots)
        answer = strategy.finish(self._energy(group, slots, data), tape, group.served, *_read(group, slots))
        if type(strategy) is not Autograd:
            check_answer(answer, group.served, self.batch, f"derivative_fn {strategy.name}")
        return answer

    def _energy(self, group: PlannedGroup, slots: Slots, data: Batch) -> Tensor | None:
        if group.energies:
            return on_leaves(summed(group, slots, data), data)
        total = next((output for output in group.sampled if output.name == "energy"), None)
        return None if total is None else reduced(total, slots, self.batch, weighted_sum)

    def _sampler(self, group: PlannedGroup, steps: tuple[PlannedStep, ...], slots: Slots) -> Sampler:
        def run_steps(live: Batch, fixed: Batch, own: Slots) -> None:
            self._steps(steps, live, fixed, self.lists_for(off_graph(fixed)), own, slots)

        return Sampler(group, steps, slots, run_steps, self.batch, self.differentiable)

    def _steps(
        self,
        steps: tuple[PlannedStep, ...],
        live: Batch,
        fixed: Batch,
        lists: tuple[NeighborList, ...],
        slots: Slots,
        first: Slots | None = None,
    ) -> None:
        geometries: dict[frozenset[str], Values] = {}  # most steps of a group share one
        for step in steps:
            values = geometries.get(step.live)
            if values is None:
                values = geometries[step.live] = _geometry(step.live, live, fixed)
            if step.reads:
                values = {**values, **self._inputs(step, live, fixed, slots, slots if first is None else first)}
            neighbors = None if step.neighbors is None else lists[step.neighbors]
            versions = None if neighbors is None else neighbors.versions
            view = ModelView(values, live, neighbors, step.label)
            answer = self.models[step.index].compute(view, step.asks)
            if neighbors is not None and neighbors.versions != versions:
                raise _list_changed(step)
            if keep(step, answer, fixed, slots) and live is not fixed:
                _check_graph(step, values, slots)

    def _inputs(self, step: PlannedStep, live: Batch, fixed: Batch, slots: Slots, first: Slots) -> Values:
        """Return the values of a step's declared inputs, detached unless its energy is differentiable through them.

        Detached values are those of the `first` evaluation, however often energies are evaluated again.
        """
        values: Values = {}
        for read in step.reads:
            known = slots if read.live else first
            batch = live if read.live else fixed
            value = batch.fields.get(read.name) if read.slot is None else known[read.slot]
            cut = value is not None and not read.live and value.requires_grad
            keep_graph = self.differentiable and read.slot is None
            values[read.name] = value.detach() if cut and not keep_graph and value is not None else value
        return values


def _geometry(names: frozenset[str], live: Batch, fixed: Batch) -> Values:
    """Return the geometry that a step sees, the named parts of it on the graph."""
    return {
        "positions": (live if "positions" in names else fixed).positions,
        "atomic_numbers": fixed.atomic_numbers,
        "batch_idx": fixed.batch_idx,
        "cell": (live if "cell" in names else fixed).cell,
        "pbc": fixed.pbc,
    }


def _read(group: PlannedGroup, slots: Slots) -> tuple[Values, ...]:
    """Return what a strategy differentiates beside the energy, where there is any."""
    if not group.reads or group.sampled:
        return ()
    read = {write.name: slots[write.slot] for write in group.reads}
    return ({name: v.detach() if v is not None and name in group.fixed else v for name, v in read.items()},)


def keep(step: PlannedStep, answer: Mapping[str, Tensor], batch: Batch, slots: Slots) -> bool:
    """Check a model's answer against what it was asked and put it into the slots.

    Returns
    -------
    bool
        Whether a value that should be on the graph is not.

    Raises
    ------
    ModelOutputError
        If an output is missing or has a wrong shape.
    """
    dtype, atoms, off_graph = batch.positions.dtype, batch.positions.shape[0], False
    for write in step.writes:
        value = answer.get(write.output)
        if value is None:
            raise _missing(step, write.output, answer)
        quantity = write.quantity
        if quantity is not None and not quantity.fits(value.shape, atoms, batch.num_systems):
            raise _misshapen(step, quantity, value, quantity.written_shape(atoms, batch.num_systems))
        if value.dtype != dtype and value.is_floating_point():
            value = value.to(dtype)
        off_graph |= not value.requires_grad and write.output in step.on_graph
        slots[write.slot] = value
    return off_graph


def _check_graph(step: PlannedStep, values: Values, slots: Slots) -> None:
    """Refuse values without the graph that derivatives are taken through; of detached inputs none can be expected."""
    if step.mode is Mode.PARTIAL and not _is_fed(step, values):
        return
    for write in step.writes:
        value = slots[write.slot]
        if write.output in step.on_graph and value is not None and not value.requires_grad:
            raise _off_graph(step, write.output)


def _is_fed(step: PlannedStep, values: Values) -> bool:
    """Tell whether some input that stays on the graph is on it."""
    return any(value.requires_grad for read in step.reads if read.live and (value := values[read.name]) is not None)


def _misshapen(step: PlannedStep, quantity: Quantity, value: Tensor, expected: str) -> ModelOutputError:
    return ModelOutputError(
        f"returned {quantity.name} of shape {list(value.shape)}",
        expected=f"{expected}, that is {quantity.axes} {quantity.unit}".rstrip(),
        who=f"step {step.index} ({step.label})",
        fix="energy per system is [B, 1]: energy.unsqueeze(1)" if quantity.name == "energy" else "",
    )


def _list_changed(step: PlannedStep) -> ModelOutputError:
    return ModelOutputError(
        "changed its neighbor list in place",
        expected="a list left as it is: others read the same tensors",
        who=f"step {step.index} ({step.label})",
        fix="work on a copy: neighbors.neighbor_list.clone()",
    )


def _missing(step: PlannedStep, output: str, answer: Mapping[str, Tensor]) -> ModelOutputError:
    close = nearest(output, answer)
    return ModelOutputError(
        f"was asked for {output!r} and returned {sorted(answer)}",
        expected="every requested output, as its config declares",
        who=f"step {step.index} ({step.label})",
        fix=f"return {close!r} under the name {output!r}" if close else "",
    )


def _off_graph(step: PlannedStep, output: str) -> ModelOutputError:
    return ModelOutputError(
        f"declares {output!r} on the graph, but returned it detached",
        expected="a value computed from the view's inputs without .detach(), .item() or no_grad()",
        who=f"step {step.index} ({step.label})",
        fix=f"declare {output!r} as Analytic(); with a detached energy, report forces and stress",
    )
