"""Finishing: from the values of a run to the outputs of the pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from alchemi_core.data.couplings import coupling_of
from alchemi_core.derivatives.grad_mode import grad_mode
from alchemi_core.derivatives.strain import per_volume, volumes
from alchemi_core.errors import ModelOutputError
from alchemi_core.outputs import Contribution
from alchemi_core.quantities import QUANTITIES, is_per_atom
from alchemi_core.reductions import spread, weighted_mean, weighted_sum

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from alchemi_core.data.batch import Batch
    from alchemi_core.planning.flat import FlatStep
    from alchemi_core.planning.plan import ExecutionPlan, PlannedOutput, Term
    from alchemi_core.reductions import Reduction
    from alchemi_core.weight_factors import Factor


_OWN = {"mean": weighted_mean, "spread": spread}
"""Rules that planning chooses where the user named none."""


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
                value = _by_rule(output, slots, batch, reductions)
        totals[output.name] = value
    if differentiable:
        return totals
    return {name: total.detach() if total.requires_grad else total for name, total in totals.items()}


def _by_rule(
    output: PlannedOutput, slots: Sequence[Tensor | None], batch: Batch, reductions: Mapping[str, Reduction]
) -> Tensor:
    if output.rule == "sum":
        return reduced(output, slots, batch, weighted_sum)
    rule = reductions.get(output.name) or _OWN[output.rule]
    value = _tensor(_unchanged(rule, output, slots, batch), output, batch)
    quantity = QUANTITIES.get(output.name)
    if quantity is not None and not quantity.fits(value.shape, batch.num_atoms, batch.num_systems):
        written = quantity.written_shape(batch.num_atoms, batch.num_systems)
        raise ModelOutputError(
            f"made {output.name} of shape {list(value.shape)}",
            expected=f"{written}, that is {quantity.axes} {quantity.unit}".rstrip(),
            who=f"reduction {output.rule}",
            fix="a rule that keeps the shape, such as 'mean'",
        )
    return value


def _unchanged(rule: Reduction, output: PlannedOutput, slots: Sequence[Tensor | None], batch: Batch) -> object:
    """Apply a rule, and see that it leaves the values as they are: others read the same tensors."""
    given = [value for term in output.terms if (value := slots[term.slot]) is not None]
    versions = [value._version for value in given]
    value = reduced(output, slots, batch, rule)
    if versions != [one._version for one in given]:
        raise ModelOutputError(
            f"changed values of {output.name} in place",
            expected="values left as they are: others read the same tensors",
            who=f"reduction {output.rule}",
            fix="work on a copy: values[0].clone()",
        )
    return value


def _tensor(value: object, output: PlannedOutput, batch: Batch) -> Tensor:
    if isinstance(value, Tensor):
        return value.to(batch.dtype) if value.is_floating_point() else value
    raise ModelOutputError(f"made {value!r:.80} of {output.name}", expected="a tensor", who=f"reduction {output.rule}")


def reduced(output: PlannedOutput, slots: Sequence[Tensor | None], batch: Batch, reduce: Reduction) -> Tensor:
    """Return one output: its terms, made one value by a rule."""
    per_atom = is_per_atom(output.name)
    values = [_term(term, slots, batch, per_atom=per_atom) for term in output.terms]
    if not values:
        return nothing(output.name, batch)
    total = reduce(values, [term.weight for term in output.terms])
    if output.reported and output.name == "stress" and batch.cell is not None:
        return _without_volume_undefined(total, batch.cell)
    return total


def nothing(name: str, batch: Batch) -> Tensor:
    """Return the sum of no terms: zeros of the quantity's shape, and no stress where there is no volume."""
    quantity = QUANTITIES[name]
    first = batch.num_atoms if quantity.per_atom else batch.num_systems
    zeros = batch.positions.new_zeros((first, *(axis or 0 for axis in quantity.shape)))
    if name == "stress" and batch.cell is not None:
        return _without_volume_undefined(zeros, batch.cell)
    return zeros


def _term(term: Term, slots: Sequence[Tensor | None], batch: Batch, *, per_atom: bool) -> Tensor:
    value = slots[term.slot]
    if value is None:
        raise AssertionError(f"slot {term.slot} is empty: the plan reads what it never writes")
    value = _converted(value, term, batch)
    return coupled(value, term.factors, batch, per_atom=per_atom) if term.factors else value


def coupled(value: Tensor, factors: Sequence[Factor], batch: Batch, *, per_atom: bool) -> Tensor:
    """Multiply a value by functions of the batch's coupling parameters."""
    values = {name: coupling_of(batch, name) for one in factors for name in one.names}
    factor = batch.positions.new_ones(batch.num_systems)
    for one in factors:
        factor = factor * one.at(values)
    each = factor[batch.batch_idx] if per_atom else factor
    return value * each.view(-1, *(1,) * (value.dim() - 1))


def weighed(name: str, value: Tensor, step: FlatStep, batch: Batch) -> Tensor:
    """Multiply an output of a step by the step's weight."""
    value = value if step.weight == 1.0 else value * step.weight
    return coupled(value, step.factors, batch, per_atom=is_per_atom(name)) if step.factors else value


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
) -> Iterator[Contribution]:
    """Yield what each step gave of each output of a plan that is summed, weighted."""
    writers = {write.slot: step for step in plan.steps for write in step.writes}
    terms = [
        (writers[term.slot], output.name, term) for output in plan.outputs if output.summed for term in output.terms
    ]
    for step, name, term in sorted(terms, key=lambda found: found[0].index):
        value = _term(term, slots, batch, per_atom=is_per_atom(name))
        value = value if term.weight == 1.0 else value * term.weight
        yield Contribution(step.index, step.label, name, value if differentiable else value.detach())
