"""Job: what all relaxations of a command share, and the relaxation of one structure."""

from __future__ import annotations

import math
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.cli.frames import FrameWriter
from alchemi_core.cli.progress import Field, Progress
from alchemi_core.cli.provenance import describe_model
from alchemi_core.cli.relax_outcome import FILES, Outcome
from alchemi_core.cli.structures import Structure, naming_one_of_several

if TYPE_CHECKING:
    import torch

    from alchemi_core.cli.output_folder import OutputFolder
    from alchemi_core.cli.relaxation import Relaxation, RelaxationStep
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
    """What all structures of a command share.

    Parameters
    ----------
    how : Relaxation
        Optimizer and limits.
    model : str
        The expression, as written.
    pipeline : PipelineModelWrapper
        What it stands for.
    dtype, device
        Where and in which precision to compute.
    record : dict
        What ``run.json`` says of the command.
    """

    how: Relaxation
    model: str
    pipeline: PipelineModelWrapper
    dtype: torch.dtype
    device: torch.device
    record: dict[str, Any]


def relax_one(structure: Structure, job: Job, folder: OutputFolder, place: str = "") -> Outcome:
    """Relax one structure and write its files; what was done before an error or a Ctrl-C is kept.

    Parameters
    ----------
    structure : Structure
        It stays as it is.
    job : Job
        How.
    folder : OutputFolder
        Claimed with the first step.
    place : str
        Which one of several it is.

    Returns
    -------
    Outcome
        An error or a Ctrl-C is its ``cause``, and not raised.
    """
    steps: list[RelaxationStep] = []
    cause: BaseException | None = None
    try:
        with naming_one_of_several(structure):
            _follow(structure, job, folder, steps, place)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - whoever asked decides whether others go on
        cause = error
    outcome = Outcome(structure, job.how, steps, cause)
    if not steps:
        folder.discard(FILES)
        return outcome
    outcome = _written(outcome, job, folder)
    if outcome.status == "failed":
        sys.stderr.write(f"alchemi: what was done before the error is in {folder.path}\n")
    return outcome


def _written(outcome: Outcome, job: Job, folder: OutputFolder) -> Outcome:
    """Write the files; where they cannot be written, that is what failed, unless something had before."""
    names = ["energy", "forces"] + ["stress"] * (outcome.steps[0].snapshot.stress is not None)
    try:
        record = job.record | {"model": describe_model(job.model, job.pipeline, names)}
        outcome.write(folder.path, record, job.model)
    except Exception as error:  # noqa: BLE001 - as above
        if outcome.cause is None:
            return attrs.evolve(outcome, cause=error)
        # On a full disk the record has no room either; the error that is on its way says so.
        outcome.cause.add_note(f"what was done before could not be recorded: {error}")
    return outcome


def _follow(structure: Structure, job: Job, folder: OutputFolder, steps: list[RelaxationStep], place: str) -> None:
    """Take all steps; each is in the trajectory before the next begins, and the folder is there from the first."""
    atoms = structure.atoms.copy()
    begin = f"{place}  " if place else ""
    title = f"{begin}{structure.label}: {structure.atoms.symbols}, {_moving(job.how, structure)}, with {job.model}"
    with ExitStack() as stack:
        for step in job.how.run(atoms, job.pipeline, job.dtype, job.device):
            if not steps:
                trajectory = stack.enter_context(FrameWriter(folder.path / "trajectory.extxyz"))
                progress = stack.enter_context(Progress(title, FIELDS))
            trajectory.append(step.snapshot.atoms)
            steps.append(step)
            _show(progress, steps, job.how, begin)


def _moving(how: Relaxation, structure: Structure) -> str:
    return "positions and cell" if how.moves_cell(structure.atoms) else "positions"


def _show(progress: Progress, steps: list[RelaxationStep], how: Relaxation, begin: str) -> None:
    now = steps[-1].snapshot
    values = (now.step, now.energy, now.max_force, now.max_stress, now.elapsed)
    note = f"{begin}largest force {steps[-1].pull:.4f}, until {how.fmax:g} eV/Å"
    progress.line(values, done=_share(steps[0].pull, steps[-1].pull, how.fmax), note=note)


def _share(first: float, now: float, wanted: float) -> float:
    """How far the largest force has come down, on a logarithmic scale."""
    if now <= wanted or first <= wanted:
        return 1.0
    return max(0.0, math.log(first / now) / math.log(first / wanted))
