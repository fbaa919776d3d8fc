"""Sampling: the steps of a group evaluated on other batches, for strategies that take derivatives by differences."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import attrs

from alchemi_core.data.detaching import off_graph
from alchemi_core.derivatives.autograd import energy_derivatives
from alchemi_core.derivatives.base import GroupState
from alchemi_core.derivatives.grad_mode import grad_mode
from alchemi_core.derivatives.leaves import with_leaves
from alchemi_core.errors import DerivativeError
from alchemi_core.finishing import coupled, reduced
from alchemi_core.quantities import DERIVATIVES
from alchemi_core.reductions import weighted_sum

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Set

    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.planning.plan import PlannedGroup, PlannedOutput, PlannedStep, Term

Slots: TypeAlias = "list[Tensor | None]"
RunSteps: TypeAlias = "Callable[[Batch, Batch, Slots], None]"


@attrs.frozen(eq=False)
class Sampler:
    """What a strategy calls as ``state.sample(batch, names)``.

    Parameters
    ----------
    group : PlannedGroup
        The group, with what each sampled quantity is made of.
    steps : tuple of PlannedStep
        Its steps.
    slots : list
        Values of the call as far as it has come. They stay as they are: each sample has slots of its own.
    run_steps : callable
        Runs the steps: on a batch for what is on the graph, another for what is not, into the slots given.
    data : Batch
        The batch of the call.
    differentiable : bool
        Whether samples stay on the graph of parameters.
    """

    group: PlannedGroup
    steps: tuple[PlannedStep, ...]
    slots: Slots
    run_steps: RunSteps
    data: Batch
    differentiable: bool

    def __call__(self, batch: Batch, names: Set[str]) -> Mapping[str, Tensor]:
        """Evaluate the group on a batch, and return the named quantities."""
        names = frozenset([names] if isinstance(names, str) else names)
        self._check(batch, names)
        own = list(self.slots)
        derivatives = names & DERIVATIVES
        if derivatives:
            self._differentiated(batch, frozenset(derivatives), own)
        else:
            self.run_steps(batch, batch if self.differentiable else off_graph(batch), own)
        wanted = [output for output in self.group.sampled if output.name in names]
        values = {output.name: self._value(output, own, batch) for output in wanted}
        if derivatives and not self.differentiable:
            # Their graph would lead to leaves made here, not to the batch.
            return {name: value.detach() for name, value in values.items()}
        return values

    def _value(self, output: PlannedOutput, own: Slots, batch: Batch) -> Tensor:
        return reduced(output, self.slots if output.name in self.group.fixed else own, batch, weighted_sum)

    def _differentiated(self, batch: Batch, names: frozenset[str], own: Slots) -> None:
        fixed = batch if self.differentiable else off_graph(batch)
        with grad_mode(enabled=True):
            leaves = with_leaves(GroupState(fixed, self, self.differentiable))
            self.run_steps(leaves, fixed, own)
            if not self.group.energies:
                return
            energy = on_leaves(summed(self.group, own, leaves), leaves)
            found = energy_derivatives(energy, leaves, names, create_graph=self.differentiable)
        for write in self.group.resampled:
            own[write.slot] = found.get(write.name)

    def _check(self, batch: Batch, names: Set[str]) -> None:
        if lacking := sorted(names - {output.name for output in self.group.sampled}):
            raise DerivativeError(
                f"samples {', '.join(lacking)}",
                expected=f"what it declares in samples: {', '.join(o.name for o in self.group.sampled)}",
                who=f"derivative_fn {self.group.derivative}",
            )
        if lost := self._lost_fields(batch):
            raise DerivativeError(
                f"samples a batch without {', '.join(map(repr, lost))}, which the batch of the call brings",
                expected="every field that steps of the group read",
                who=f"derivative_fn {self.group.derivative}",
                fix="make the batch with data.with_fields(...), or give it these fields",
            )
        if batch.cell is None and "stress" in names:
            raise DerivativeError(
                "samples the stress of a batch in which no system has a cell",
                expected="a cell: stress is energy per volume",
                who=f"derivative_fn {self.group.derivative}",
                fix="a structure with a cell",
            )
        if not self._is_like(batch) and (fixed := self._fixed(names)):
            raise DerivativeError(
                f"samples other systems than those of the call, of which {fixed} is not known",
                expected="values that are computed anew at each geometry",
                who=f"derivative_fn {self.group.derivative}",
                fix="no detach=True on what gives it; or geometries of the same systems one at a time, made with "
                "data.with_fields(positions=...), which is max_atoms=1 or chunk=1 where a strategy has that",
            )

    def _lost_fields(self, batch: Batch) -> list[str]:
        """Inputs that the batch of the call brings and another lacks."""
        read = {read.name for step in self.steps for read in step.reads if read.slot is None}
        return sorted(name for name in read if name in self.data.fields and batch.fields.get(name) is None)

    def _is_like(self, batch: Batch) -> bool:
        """Tell whether the systems are those of the call, perhaps elsewhere in space: nothing else keeps these."""
        return batch.atomic_numbers is self.data.atomic_numbers and batch.batch_idx is self.data.batch_idx

    def _fixed(self, names: Set[str]) -> str:
        """Name the first value that is held as it was in the call, if there is one."""
        if held := sorted(names & self.group.fixed):
            return repr(held[0])
        own = set(self.group.steps)
        reads = ((step, read) for step in self.steps for read in step.reads if read.slot is not None)
        fixed = (f"{r.name!r} of step {s.index}" for s, r in reads if not r.live or r.producer not in own)
        return next(fixed, "")


def refuse_samples(strategy: str) -> Callable[[Batch, Set[str]], Mapping[str, Tensor]]:
    """Return what stands where a strategy samples without having said so: it raises `DerivativeError`."""

    def refuse(batch: Batch, names: Set[str]) -> Mapping[str, Tensor]:  # noqa: ARG001 - called as a Sampler is
        raise DerivativeError(
            f"samples {', '.join(sorted(names))}",
            expected="an attribute samples that lists what it evaluates at other geometries",
            who=f"derivative_fn {strategy}",
            fix=f"samples = frozenset({sorted(names)})",
        )

    return refuse


def summed(group: PlannedGroup, slots: Slots, data: Batch) -> Tensor:
    """Return the sum of the energies that a group differentiates."""
    if group.only is not None and (only := slots[group.only]) is not None:
        return only
    values = [_energy(term, slots[term.slot], data) for term in group.energies]
    return weighted_sum(values, [term.weight for term in group.energies])


def _energy(term: Term, value: Tensor | None, data: Batch) -> Tensor:
    if value is None:
        raise AssertionError(f"slot {term.slot} is empty: the plan reads what it never writes")
    return coupled(value, term.factors, data, per_atom=False) if term.factors else value


def on_leaves(energy: Tensor, data: Batch) -> Tensor:
    """Put an energy of detached values alone on the graph, where its derivative is zero, as it should be."""
    if energy.requires_grad or not data.positions.requires_grad:
        return energy
    return energy + data.positions.sum() * 0.0
