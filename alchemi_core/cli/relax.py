"""``alchemi relax``: positions and cell, with progress, a summary, and a folder of results."""

from __future__ import annotations

import math
import sys
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.cli.composing import chosen_device, chosen_dtype, compose
from alchemi_core.cli.frames import FrameWriter
from alchemi_core.cli.interrupts import exit_code, stopping_at_sigterm
from alchemi_core.cli.output_folder import OutputFolder
from alchemi_core.cli.progress import Field, Progress
from alchemi_core.cli.provenance import describe_model, describe_run
from alchemi_core.cli.relax_outcome import FILES, Outcome
from alchemi_core.cli.relax_summary import show_overview, show_summary
from alchemi_core.cli.relaxation import Relaxation, RelaxationStep
from alchemi_core.cli.structures import Structure, naming_one_of_several, read_structures

if TYPE_CHECKING:
    import argparse

    import torch

    from alchemi_core.pipeline import PipelineModelWrapper

FIELDS = (
    Field("step", "", 5, "d"),
    Field("energy", "eV", 15, ".6f"),
    Field("max force", "eV/Å", 10, ".5f"),
    Field("max stress", "GPa", 10, ".4f"),
    Field("time", "s", 7, ".1f"),
)


@attrs.frozen(eq=False)
class Job:
    """What all structures of a command share."""

    how: Relaxation
    model: str
    pipeline: PipelineModelWrapper
    dtype: torch.dtype
    device: torch.device
    record: dict[str, Any]


def run(arguments: argparse.Namespace) -> int:
    """Relax every structure of the file."""
    device, dtype = chosen_device(arguments), chosen_dtype(arguments)
    structures = read_structures([arguments.file], arguments.format)
    folder = OutputFolder.of(arguments, f"relaxed-{structures[0].path.stem}", FILES)
    record = describe_run(arguments.words, structures, str(device), arguments.dtype or "float64")
    how = Relaxation(arguments.fmax, arguments.steps, arguments.optimizer, arguments.fix_cell)
    job = Job(how, arguments.model, compose(arguments.model, device), dtype, device, record)
    try:
        with stopping_at_sigterm():
            outcomes = _relax_all(structures, job, folder)
    except KeyboardInterrupt as stop:
        if not folder.claimed:
            raise
        sys.stderr.write(f"alchemi: interrupted; what was done is in {folder.path}\n")
        return exit_code(stop)
    return 0 if all(outcome.converged for outcome in outcomes) else 1


def _relax_all(structures: list[Structure], job: Job, folder: OutputFolder) -> list[Outcome]:
    """Relax one after the other; each of several in a folder of its own, with an overview of those done at the end."""
    outcomes: list[Outcome] = []
    several = len(structures) > 1
    try:
        for structure in structures:
            place = folder.inside(f"{structure.number:04d}") if several else folder
            outcomes.append(relax_one(structure, job, place))
    finally:
        if several and outcomes:
            show_overview(outcomes, folder.path)
    return outcomes


def relax_one(structure: Structure, job: Job, folder: OutputFolder) -> Outcome:
    """Relax one structure and write its files; the steps before an error or a Ctrl-C are kept.

    Raises
    ------
    AlchemiError
        If the composition cannot serve, or a model fails.
    """
    steps: list[RelaxationStep] = []
    try:
        with naming_one_of_several(structure):
            _follow(structure, job, folder, steps)
    except KeyboardInterrupt:
        if steps:
            _write(Outcome(structure, job.how, steps, "interrupted"), job, folder)
        raise
    except Exception as error:
        if not steps:
            folder.discard(FILES)
        else:
            # On a full disk the record has no room either; the error that is on its way says so.
            with suppress(OSError):
                _write(Outcome(structure, job.how, steps, "failed", str(error)), job, folder)
            sys.stderr.write(f"alchemi: what was done before the error is in {folder.path}\n")
        raise
    outcome = Outcome(structure, job.how, steps, "converged" if steps[-1].converged else "not converged")
    _write(outcome, job, folder)
    show_summary(outcome)
    sys.stdout.write(f"{outcome.sentence}; wrote {folder.path}\n")
    return outcome


def _write(outcome: Outcome, job: Job, folder: OutputFolder) -> None:
    names = ["energy", "forces"] + ["stress"] * (outcome.steps[0].snapshot.stress is not None)
    record = job.record | {"model": describe_model(job.model, job.pipeline, names)}
    outcome.write(folder.path, record, job.model)


def _follow(structure: Structure, job: Job, folder: OutputFolder, steps: list[RelaxationStep]) -> None:
    """Take all steps; each is in the trajectory before the next begins, and the folder is there from the first."""
    atoms = structure.atoms.copy()
    title = f"{structure.label}: {structure.atoms.symbols}, {_moving(job.how, structure)}, with {job.model}"
    with ExitStack() as stack:
        for step in job.how.run(atoms, job.pipeline, job.dtype, job.device):
            if not steps:
                trajectory = stack.enter_context(FrameWriter(folder.path / "trajectory.extxyz"))
                progress = stack.enter_context(Progress(title, FIELDS))
            trajectory.append(step.snapshot.atoms)
            steps.append(step)
            _show(progress, steps, job.how)


def _moving(how: Relaxation, structure: Structure) -> str:
    return "positions and cell" if how.moves_cell(structure.atoms) else "positions"


def _show(progress: Progress, steps: list[RelaxationStep], how: Relaxation) -> None:
    now = steps[-1].snapshot
    values = (now.step, now.energy, now.max_force, now.max_stress, now.elapsed)
    note = f"largest force {steps[-1].pull:.4f}, until {how.fmax:g} eV/Å"
    progress.line(values, done=_share(steps[0].pull, steps[-1].pull, how.fmax), note=note)


def _share(first: float, now: float, wanted: float) -> float:
    """How far the largest force has come down, on a logarithmic scale."""
    if now <= wanted or first <= wanted:
        return 1.0
    return max(0.0, math.log(first / now) / math.log(first / wanted))
