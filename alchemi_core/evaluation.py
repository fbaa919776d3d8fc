"""Evaluation: one call of a pipeline, from a batch that its plan can run on to the outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.finishing import contributions_of, output_values
from alchemi_core.outputs import Outputs
from alchemi_core.provision import check_fixed_widths
from alchemi_core.runtime import Run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alchemi_core.data.batch import Batch
    from alchemi_core.declaration import Declaration
    from alchemi_core.neighbors.lists import NeighborList
    from alchemi_core.planning.plan import ExecutionPlan
    from alchemi_core.provision import Provision


def evaluate(
    plan: ExecutionPlan,
    declared: Declaration,
    batch: Batch,
    provisions: tuple[Provision, Provision],
    notes: Mapping[str, str],
    contributions: bool,  # noqa: FBT001 - by position, since every microsecond of a call counts here
    differentiable: bool,  # noqa: FBT001
) -> Outputs:
    """Run a plan and return its outputs.

    Parameters
    ----------
    plan : ExecutionPlan
        What to do.
    declared : Declaration
        The pipeline's models, strategies and rules.
    batch : Batch
        Off the graph, unless the caller differentiates through the pipeline.
    provisions : tuple of Provision
        The one that keeps lists between calls, and one that does not, for displaced geometries.
    notes : mapping of str to str
        Why outputs that a caller might expect are missing.
    contributions : bool
        Whether to return what each step added as well.
    differentiable : bool
        Whether outputs stay on the graph.
    """
    kept, fresh = provisions

    def checked(lists: tuple[NeighborList, ...]) -> tuple[NeighborList, ...]:
        check_fixed_widths(plan, lists)
        return lists

    run = Run(
        plan=plan,
        models=declared.models,
        strategies=declared.strategies,
        batch=batch,
        lists=kept.lists(plan, batch),
        lists_for=lambda other: checked(fresh.lists(plan, other)),
        differentiable=differentiable,
    )
    slots = run.execute()
    if run.lists:
        check_fixed_widths(plan, run.lists)
    values = output_values(plan, slots, batch, declared.reductions, differentiable=differentiable)
    parts = contributions_of(plan, slots, batch, differentiable=differentiable) if contributions else ()
    return Outputs(values, parts, notes)
