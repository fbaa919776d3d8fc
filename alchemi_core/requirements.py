"""What a batch must be for a plan to run on it; checked at every call, so only what is cheap to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.contract import Constant, OnGraph
from alchemi_core.errors import CutGradientError, DataError, LostTermError
from alchemi_core.planning.plan import Mode
from alchemi_core.planning.wiring import missing_input

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alchemi_core.data.batch import Batch
    from alchemi_core.models import ModelConfig
    from alchemi_core.planning.flat import FlatGroup
    from alchemi_core.planning.plan import ExecutionPlan, PlannedStep


def check_batch_serves(
    plan: ExecutionPlan, groups: Sequence[FlatGroup], config: ModelConfig, batch: Batch, notes: Mapping[str, str]
) -> None:
    """Raise where the batch lacks what the plan needs.

    Raises
    ------
    WiringError
        If an input that nothing produces is not on the batch.
    DataError
        If a periodic system meets a model that does not understand it, or the reverse.
    LostTermError
        If the stress is asked and no system has a cell.
    """
    for name in plan.needs:
        if batch.fields.get(name) is None:
            raise _missing(name, plan, groups)
    if batch.cell is None and "stress" in plan.requested and "stress" not in notes:
        raise LostTermError(
            "stress is asked, but no system of this batch has a cell",
            expected="a cell: stress is energy per volume",
            who="requested outputs",
            fix="ask for 'virial' instead, which needs no volume",
        )
    if batch.cell is None:
        _check_volume_needed(plan)
    if not config.supports_pbc or config.needs_pbc:
        _check_periodicity(groups, batch)


def check_geometry_gradient(plan: ExecutionPlan, groups: Sequence[FlatGroup], batch: Batch) -> None:
    """Raise where the caller differentiates through positions or cell and a step would drop out of the gradient.

    Raises
    ------
    CutGradientError
        If positions or cell require grad in training mode, and a step gives values that are detached from them.
    """
    tensors = {"positions": batch.positions, "cell": batch.cell}
    outer = frozenset(name for name, tensor in tensors.items() if tensor is not None and tensor.requires_grad)
    if not outer:
        return
    steps = {step.index: step for group in groups for step in group.steps}
    for planned in plan.steps:
        config = steps[planned.index].config
        kind = config.kinds.get("energy", Constant())
        through = kind.through if isinstance(kind, OnGraph) else frozenset()
        missing = (outer if config.supports_pbc else outer - {"cell"}) - through
        reported = planned.mode in (Mode.REPORTED, Mode.PARTIAL)
        if reported or (missing and not isinstance(kind, Constant)):
            raise _off_geometry(planned, outer)


def _off_geometry(planned: PlannedStep, outer: frozenset[str]) -> CutGradientError:
    names = " and ".join(sorted(outer))
    return CutGradientError(
        f"gives values detached from {names}, which require grad; in training mode a gradient through the outputs "
        "would miss its part",
        expected="steps that are on the graph of whatever the caller differentiates through",
        who=f"step {planned.index} ({planned.label})",
        fix=f"detach {names} of the batch, call pipe.eval(), or leave the step out",
    )


def _check_volume_needed(plan: ExecutionPlan) -> None:
    terms = [term for output in plan.outputs for term in output.terms if term.convert == "stress to virial"]
    if terms:
        raise LostTermError(
            f"the virial of {terms[0].text} is made of its stress, but no system of this batch has a cell",
            expected="a cell, or a model that reports the virial",
            who="requested outputs",
            fix="do not ask for 'virial'",
        )


def _missing(name: str, plan: ExecutionPlan, groups: Sequence[FlatGroup]) -> Exception:
    reader = next(s.index for s in plan.steps if any(read.name == name and read.slot is None for read in s.reads))
    steps = [step for group in groups for step in group.steps]
    return missing_input(name, steps[reader], steps[:reader])


def _check_periodicity(groups: Sequence[FlatGroup], batch: Batch) -> None:
    periodic = batch.pbc is not None and bool(batch.pbc.any())
    every = batch.pbc is not None and bool(batch.pbc.any(dim=1).all())
    for step in (step for group in groups for step in group.steps):
        if periodic and not step.config.supports_pbc:
            raise DataError(
                "a system of the batch is periodic",
                expected="molecules only: the model does not understand periodic cells",
                who=f"step {step.index} ({step.label})",
                fix="set pbc=False, or use another model",
            )
        if step.config.needs_pbc and not every:
            raise DataError(
                "a system of the batch is not periodic",
                expected="periodic systems only",
                who=f"step {step.index} ({step.label})",
                fix="put the molecule into a box with pbc=True, or use another model",
            )
