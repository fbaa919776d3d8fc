"""Finishing: from the values of a run to the outputs of the pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_core.data.couplings import coupling_of
from alchemi_core.derivatives.grad_mode import grad_mode
from alchemi_core.derivatives.strain import per_volume, volumes
from alchemi_core.outputs import Contribution
from alchemi_core.quantities import is_additive, is_per_atom

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.planning.plan import ExecutionPlan, PlannedOutput, Term
    from alchemi_core.reductions import Reduction
    from alchemi_core.weights import Affine


def output_values(
    plan: ExecutionPlan,
    slots: Sequence[Tensor | None],
    batch: Batch,
    reductions: Mapping[str, Reduction],
    *,
    differentiable: bool,
) -> dict[str, Tensor]:
    """Return each requested output: its terms, reduced by the rule of the plan."""
    totals: dict[str, Tensor] = {}
    for output in plan.outputs:
        value = None if output.single is None else slots[output.single]
        if value is None:
            with grad_mode(enabled=differentiable):
                value = reduced(output, slots, batch, reductions[output.rule])
        totals[output.name] = value
    if differentiable:
        return totals
    return {name: total.detach() if total.requires_grad else total for name, total in totals.items()}


def reduced(output: PlannedOutput, slots: Sequence[Tensor | None], batch: Batch, reduce: Reduction) -> Tensor:
    """Return one output: its terms, made one value by a rule."""
    per_atom = is_per_atom(output.name)
    values = [_term(term, slots, batch, per_atom=per_atom) for term in output.terms]
    total = reduce(values, [term.weight for term in output.terms])
    if output.reported and output.name == "stress" and batch.cell is not None:
        return _without_volume_undefined(total, batch.cell)
    return total


def _term(term: Term, slots: Sequence[Tensor | None], batch: Batch, *, per_atom: bool) -> Tensor:
    value = slots[term.slot]
    if value is None:
        raise AssertionError(f"slot {term.slot} is empty: the plan reads what it never writes")
    value = _converted(value, term, batch)
    return coupled(value, term.factors, batch, per_atom=per_atom) if term.factors else value


def coupled(value: Tensor, factors: Sequence[Affine], batch: Batch, *, per_atom: bool) -> Tensor:
    """Multiply a value by functions of the batch's coupling parameters."""
    factor = batch.positions.new_ones(batch.num_systems)
    for one in factors:
        factor = factor * one.at(coupling_of(batch, one.name))
    each = factor[batch.batch_idx] if per_atom else factor
    return value * each.view(-1, *(1,) * (value.dim() - 1))


def _converted(value: Tensor, term: Term, batch: Batch) -> Tensor:
    if not term.convert:
        return value
    if term.convert == "virial to stress" and batch.cell is not None:
        return per_volume(-value, batch.cell)
    if term.convert == "stress to virial" and batch.cell is not None:
        return _without_volume_undefined(-value * volumes(batch.cell).view(-1, 1, 1), batch.cell)
    return value


def _without_volume_undefined(strain: Tensor, cell: Tensor) -> Tensor:
    """Make what comes of the stress of systems without a volume NaN, whatever a model reported for them."""
    return torch.where((volumes(cell) > 0).view(-1, 1, 1), strain, torch.nan)


def contributions_of(
    plan: ExecutionPlan, slots: Sequence[Tensor | None], batch: Batch, *, differentiable: bool
) -> tuple[Contribution, ...]:
    """Return what each step reported of each additive output, weighted."""
    return tuple(_contributions(plan, slots, batch, differentiable=differentiable))


def _contributions(
    plan: ExecutionPlan, slots: Sequence[Tensor | None], batch: Batch, *, differentiable: bool
) -> Iterator[Contribution]:
    for step in plan.steps:
        for write in step.writes:
            value = slots[write.slot]
            if value is not None and is_additive(write.output):
                value = value if step.weight == 1.0 else value * step.weight
                if step.factors:
                    value = coupled(value, step.factors, batch, per_atom=is_per_atom(write.output))
                yield Contribution(step.index, step.label, write.output, value if differentiable else value.detach())
