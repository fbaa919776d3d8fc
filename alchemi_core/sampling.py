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
    from alchemi_core.planning.plan import PlannedGroup, PlannedStep, Term

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
        self._check(batch, names)
        own = list(self.slots)
        derivatives = names & DERIVATIVES
        if derivatives:
            self._differentiated(batch, frozenset(derivatives), own)
        else:
            self.run_steps(batch, batch if self.differentiable else off_graph(batch), own)
        wanted = [output for output in self.group.sampled if output.name in names]
        return {output.name: reduced(output, own, batch, weighted_sum) for output in wanted}

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
        if batch.num_atoms != self.data.num_atoms and (fixed := self._fixed()):
            raise DerivativeError(
                f"samples another number of atoms, for which step {fixed[0]} has no value of {fixed[1]!r}",
                expected="values that are computed anew at each geometry",
                who=f"derivative_fn {self.group.derivative}",
                fix="no detach=True on that step; or one geometry at a time, where the strategy has an option for that",
            )

    def _fixed(self) -> tuple[int, str] | None:
        """Return the first step, and its input, that is given a value of the call itself."""
        own = set(self.group.steps)
        reads = ((step.index, read) for step in self.steps for read in step.reads if read.slot is not None)
        return next(((i, read.name) for i, read in reads if not read.live or read.producer not in own), None)


def refuse_samples(batch: Batch, names: Set[str]) -> Mapping[str, Tensor]:  # noqa: ARG001 - as a Sampler is called
    """Stand where a strategy samples without having said so.

    Raises
    ------
    DerivativeError
        Always.
    """
    raise DerivativeError(
        f"samples {', '.join(sorted(names))}",
        expected="an attribute samples that lists what it evaluates at other geometries",
        who="derivative_fn",
        fix=f"samples = frozenset({sorted(names)})",
    )


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
