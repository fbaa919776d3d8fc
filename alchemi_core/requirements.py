"""What a batch must be for a plan to run on it; checked at every call, so only what is cheap to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.contract import Constant, OnGraph
from alchemi_core.data.couplings import no_coupling
from alchemi_core.errors import CutGradientError, DataError, LostTermError, UnsupportedElementError
from alchemi_core.planning.plan import Mode
from alchemi_core.planning.wiring import missing_input

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alchemi_core.data.batch import Batch
    from alchemi_core.models import ModelConfig
    from alchemi_core.planning.flat import FlatStep
    from alchemi_core.planning.plan import ExecutionPlan, PlannedStep

MAX_LISTED = 20
"""Elements that an error lists before it counts the others."""


def check_batch_serves(plan: ExecutionPlan, steps: Sequence[FlatStep], config: ModelConfig, batch: Batch) -> None:
    """Raise where the batch lacks what the plan needs.

    Parameters
    ----------
    plan : ExecutionPlan
        What is to run.
    steps : sequence of FlatStep
        All steps by number, those that the plan leaves out too.
    config : ModelConfig
        Config of the whole.
    batch : Batch
        What it is to run on.

    Raises
    ------
    WiringError
        If an input that nothing produces is not on the batch.
    DataError
        If a periodic system meets a model that does not understand it, or the reverse.
    UnsupportedElementError
        If the batch holds an element that a model of the plan was not made for.
    LostTermError
        If the stress is asked and no system has a cell.
    """
    for name in plan.needs:
        if batch.fields.get(name) is None:
            raise _missing(name, plan, steps, batch)
    if batch.cell is None and "stress" in plan.requested:
        raise LostTermError(
            "stress is asked, but no system of this batch has a cell",
            expected="a cell: stress is energy per volume",
            who="requested outputs",
            fix="ask for 'virial' instead, which needs no volume",
        )
    if batch.cell is None:
        _check_volume_needed(plan)
    # The config of the whole leaves out steps of weight zero; where one runs all the same, each is looked at.
    if plan.runs_weightless or not config.supports_pbc or config.needs_pbc:
        _check_periodicity([steps[planned.index] for planned in plan.steps], batch)
    if plan.runs_weightless or (config.elements is not None and not batch.elements <= config.elements):
        _check_elements([steps[planned.index] for planned in plan.steps], batch)


def check_geometry_gradient(plan: ExecutionPlan, steps: Sequence[FlatStep], batch: Batch) -> None:
    """Raise where the caller differentiates through positions or cell and a step would drop out of the gradient.

    Raises
    ------
    CutGradientError
        If positions or cell require grad in training mode, and a step gives values that are detached from them.
    """
    tensors = {"positions": batch.positions, "cell": batch.cell}
    outer = frozenset(name for name, tensor in tensors.items() if tensor is not None and tensor.requires_grad)
    fields = frozenset(name for name, tensor in batch.fields.items() if tensor.requires_grad)
    if not outer and not fields:
        return
    for planned in plan.steps:
        config = steps[planned.index].config
        kind = config.kinds.get("energy", Constant()) if steps[planned.index].counts else Constant()
        through = kind.through if isinstance(kind, OnGraph) else frozenset()
        missing = (outer if config.supports_pbc else outer - {"cell"}) - through
        reported = planned.mode in (Mode.REPORTED, Mode.PARTIAL)
        read = fields & {read.name for read in planned.reads if read.slot is None}
        if read and (reported or not isinstance(kind, OnGraph | Constant)):
            raise _off_geometry(planned, read)
        if outer and (reported or (missing and not isinstance(kind, Constant))):
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


def _missing(name: str, plan: ExecutionPlan, steps: Sequence[FlatStep], batch: Batch) -> Exception:
    readers = (s.index for s in plan.steps if any(read.name == name and read.slot is None for read in s.reads))
    reader = next(readers, None)
    return no_coupling(batch, name) if reader is None else missing_input(name, steps[reader], steps[:reader])


def _check_periodicity(steps: Sequence[FlatStep], batch: Batch) -> None:
    periodic = batch.pbc is not None and bool(batch.pbc.any())
    every = batch.pbc is not None and bool(batch.pbc.any(dim=1).all())
    for step in steps:
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


def _check_elements(steps: Sequence[FlatStep], batch: Batch) -> None:
    for step in steps:
        known = step.config.elements
        if known is not None and (unknown := batch.elements - known):
            raise _unsupported(step, known, min(unknown), batch)


def _unsupported(step: FlatStep, known: frozenset[int], number: int, batch: Batch) -> UnsupportedElementError:
    from ase.data import chemical_symbols  # the symbols matter to errors only, which need not be fast

    atom = batch.atomic_numbers.tolist().index(number)
    system = int(batch.batch_idx[atom])
    symbol = chemical_symbols[number] if 0 < number < len(chemical_symbols) else "no element"
    listed = " ".join(chemical_symbols[other] for other in sorted(known)[:MAX_LISTED])
    more = f" and {len(known) - MAX_LISTED} more" if len(known) > MAX_LISTED else ""
    return UnsupportedElementError(
        f"atom {atom - batch.ptr[system]} of system {system} is {symbol} (Z = {number}), not known to the model",
        expected=f"one of its {len(known)} elements: {listed}{more}",
        who=step.label,
        fix=f"use a model that knows atomic number {number}; `alchemi models` lists those installed",
    )
