"""A stop that was asked for: the structure that met the condition, and what is said of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ase.io
import attrs

from alchemi_core.ase import AlchemiCalculator
from alchemi_core.atomic_write import write_text
from alchemi_core.cli.frames import as_text, naming_the_file
from alchemi_core.cli.snapshot import frozen_copy, results_now
from alchemi_core.errors import OptionError, PlanningError

if TYPE_CHECKING:
    from pathlib import Path

    from ase import Atoms

    from alchemi_core.cli.checkpoint import Checkpoint
    from alchemi_core.cli.condition import Verdict
    from alchemi_core.cli.md_run import MDRun
    from alchemi_core.pipeline import PipelineModelWrapper

NAME = "stopped.extxyz"


def record_stop(begin: Checkpoint, going: MDRun, stop: Verdict) -> Checkpoint:
    """Write the structure of now with all outputs, and note in the record why the run ended here."""
    because = [reason.told(going.atoms) for reason in stop.reasons]
    frame = _with_all_outputs(going)
    frame.info |= {
        "step": going.step,
        "time_fs": going.step * going.settings.timestep,
        "stopped_by": "; ".join(because),
    }
    path = going.folder.path / NAME
    with naming_the_file(path):
        write_text(path, as_text([*_earlier(path, going.step), frame]))
    this = {"step": going.step, "condition": going.settings.stop_if, "because": because}
    return attrs.evolve(begin, record={**begin.record, "stops": [*begin.record.get("stops", []), this]})


def _earlier(path: Path, step: int) -> list[Atoms]:
    """Structures of earlier stops of a run that went on after them."""
    frames = ase.io.read(path, index=":", format="extxyz") if path.is_file() else []
    return [frame for frame in frames if frame.info["step"] < step]


def _with_all_outputs(going: MDRun) -> Atoms:
    calculator, atoms = going.calculator, going.atoms
    needed = frozenset(calculator.results) & calculator.given | {"energy", "forces"}
    names = _possible(calculator.pipeline, needed, with_stress=atoms.cell.volume > 0.0)
    whole = AlchemiCalculator(
        calculator.pipeline, dtype=calculator.dtype, device=calculator.device, outputs=names, contributions=True
    )
    return frozen_copy(atoms, results_now(atoms, whole, names))


def _possible(pipeline: PipelineModelWrapper, needed: frozenset[str], *, with_stress: bool) -> frozenset[str]:
    """Return all that the pipeline gives by default; what the run needs where some model cannot give its part of it."""
    names = needed | (pipeline.active_outputs - (frozenset() if with_stress else {"stress", "stress_std"}))
    try:
        pipeline.plan_for(names)
    except PlanningError:
        return needed
    return names


def check_may_go_on(found: Checkpoint, stop_if: str | None) -> None:
    """Refuse to go on from where a condition ended the run, unless something is said about the condition.

    Raises
    ------
    OptionError
        If nothing is: the run would most likely end again at the next step.
    """
    stops = found.record.get("stops", [])
    if stops and stops[-1]["step"] == found.step and stop_if is None:
        raise OptionError(
            f"the run was stopped at step {found.step} by its condition: {'; '.join(stops[-1]['because'])}",
            expected="another condition, or none",
            who="--resume",
            fix="--stop-if CONDITION, or --stop-if never",
        )
