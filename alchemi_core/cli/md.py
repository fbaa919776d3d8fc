"""``alchemi md``: molecular dynamics that a killed run can go on from."""

from __future__ import annotations

import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.ase import AlchemiCalculator
from alchemi_core.cli.checkpoint import NAME as CHECKPOINT
from alchemi_core.cli.checkpoint import Checkpoint
from alchemi_core.cli.composing import DTYPES, chosen_device, compose, model_file
from alchemi_core.cli.interrupts import SIGNALLED, Interrupts, between_steps
from alchemi_core.cli.md_log import NAME as LOG
from alchemi_core.cli.md_outcome import finish, write_status
from alchemi_core.cli.md_run import DIVERGED, TRAJECTORY, MDRun
from alchemi_core.cli.md_settings import MDSettings
from alchemi_core.cli.output_folder import OutputFolder
from alchemi_core.cli.progress import Field, Progress
from alchemi_core.cli.provenance import checksum, describe_model, describe_run, now
from alchemi_core.cli.structures import Structure, read_structures
from alchemi_core.errors import InputFileError, OptionError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from alchemi_core.pipeline import PipelineModelWrapper

FILES = (TRAJECTORY, LOG, CHECKPOINT, "final.extxyz", "run.json", "md.png")
FIELDS = (
    Field("step", "", 8, "d"),
    Field("time", "fs", 10, ".1f"),
    Field("potential", "eV", 14, ".5f"),
    Field("total", "eV", 14, ".5f"),
    Field("temperature", "K", 11, ".1f"),
    Field("volume", "Å³", 10, ".2f"),
    Field("elapsed", "s", 8, ".1f"),
)


def run(arguments: argparse.Namespace) -> int:
    """Start a run, or go on with one."""
    if arguments.resume is not None:
        return _resume(arguments)
    return _start(arguments)


def _start(arguments: argparse.Namespace) -> int:
    for name, value in (("FILE", arguments.file), ("--model", arguments.model)):
        if value is None:
            raise OptionError(f"{name} is missing", expected="FILE and --model, or --resume DIR", who="md")
    settings, device = MDSettings.of(arguments), chosen_device(arguments)
    structure = _one(read_structures([arguments.file], arguments.format))
    settings.check_structure(structure.atoms)
    folder = OutputFolder.of(arguments, f"md-{structure.path.stem}", FILES)
    dtype = arguments.dtype or "float64"
    pipeline = compose(arguments.model, device, arguments.accept)
    pipeline.plan_for(_outputs(settings))
    record = describe_run(arguments.words, [structure], str(device), dtype)
    record |= {
        "model": describe_model(arguments.model, pipeline, _outputs(settings)),
        "settings": attrs.asdict(settings),
        "structure": structure.label,
        "parts": [],
    }
    start = Checkpoint(
        step=0,
        seconds=0.0,
        model=_lasting(arguments.model),
        accept=arguments.accept,
        dtype=dtype,
        device=str(device),
        settings=settings,
        atoms=structure.atoms,
        state={},
        sizes={},
        record=record,
    )
    return _run(start, pipeline, folder)


def _lasting(written: str) -> str:
    """Return what ``--model`` says in words that hold in any folder."""
    path = model_file(written)
    return written if path is None else str(path.resolve())


def _check_unchanged(found: Checkpoint) -> None:
    """Refuse to go on with another pipeline under the name of the one that the run began with."""
    path, known = model_file(found.model), found.record.get("model", {}).get("sha256")
    if path is not None and path.is_file() and known is not None and checksum(path) != known:
        raise InputFileError(
            "the pipeline was changed since the run began",
            expected=f"the file with the SHA-256 digest {known}",
            who=str(path),
            fix="start a run of its own with it",
        )


def _one(structures: list[Structure]) -> Structure:
    if len(structures) > 1:
        path = structures[0].path
        raise OptionError(f"{path} holds {len(structures)} structures", expected="one", who="md", fix=f"{path}@0")
    return structures[0]


def _outputs(settings: MDSettings) -> list[str]:
    return ["energy", "forces"] + ["stress"] * (settings.ensemble == "npt")


def _resume(arguments: argparse.Namespace) -> int:
    settings = [name for name in MDSettings.names() if name != "steps"]
    fixed = ["file", "model", "accept", "out", "dtype", "format", *settings]
    if given := [name for name in fixed if getattr(arguments, name) is not None]:
        raise OptionError(
            f"{given[0]} is given with --resume, where the run decides it",
            expected="--resume DIR, and --steps for more steps",
            who="md",
        )
    folder = OutputFolder.existing(Path(arguments.resume))
    found = Checkpoint.read(folder.path)
    steps = found.settings.steps if arguments.steps is None else arguments.steps
    if steps < found.step:
        raise OptionError(f"the run has taken {found.step} steps already", who="--steps", fix=f"--steps {found.step}")
    device = torch.device(found.device) if arguments.device is None else chosen_device(arguments)
    _check_unchanged(found)
    found = attrs.evolve(found, settings=attrs.evolve(found.settings, steps=steps), device=str(device))
    return _run(found, compose(found.model, device, found.accept), folder)


def _run(begin: Checkpoint, pipeline: PipelineModelWrapper, folder: OutputFolder) -> int:
    """Run from a checkpoint to the end, or to a signal between two steps."""
    calculator = AlchemiCalculator(pipeline, dtype=DTYPES[begin.dtype], device=torch.device(begin.device))
    atoms = begin.atoms.copy()
    with (
        between_steps() as interrupts,
        _telling_of_failure(begin, folder),
        MDRun(atoms, begin.settings, calculator, folder) as going,
    ):
        if begin.state:
            going.resume(begin)
        last = _steps(going, _with_part(begin), interrupts)
    status = "interrupted" if interrupts.received else "done"
    finish(last, folder.path, status)
    if interrupts.received:
        sys.stderr.write(f"alchemi: interrupted at step {last.step}; go on with: alchemi md --resume {folder.path}\n")
        return SIGNALLED + interrupts.received
    return 0


@contextmanager
def _telling_of_failure(begin: Checkpoint, folder: OutputFolder) -> Iterator[None]:
    """When a run fails, note it in the record and say how to go on from the last checkpoint."""
    try:
        yield
    except Exception as error:
        if folder.claimed and (folder.path / CHECKPOINT).exists():
            # On a full disk the record has no room either; the error that is on its way says so.
            with suppress(OSError):
                write_status(folder.path, begin, "failed", error=str(error))
            if not isinstance(error, DIVERGED):
                sys.stderr.write(f"stopped; the last checkpoint goes on with: alchemi md --resume {folder.path}\n")
        elif folder.claimed and not _has_frames(folder.path) and not begin.state:
            folder.discard(FILES)
        raise


def _has_frames(folder: Path) -> bool:
    trajectory = folder / TRAJECTORY
    return trajectory.is_file() and trajectory.stat().st_size > 0


def _with_part(begin: Checkpoint) -> Checkpoint:
    """Note in the record that the run goes on from here."""
    parts = [*begin.record["parts"], {"from_step": begin.step, "started": now(), "device": begin.device}]
    return attrs.evolve(begin, record={**begin.record, "parts": parts, "settings": attrs.asdict(begin.settings)})


def _steps(going: MDRun, begin: Checkpoint, interrupts: Interrupts) -> Checkpoint:
    """Take the steps; frames and checkpoints at their intervals, a checkpoint at the end too."""
    settings, last = begin.settings, begin
    title = f"{begin.record['structure']}: {begin.atoms.symbols}, {_told(settings)}, with {begin.model}"
    with Progress(title, FIELDS) as progress:
        if going.step == 0:
            _record(going, progress)
            last = _save(going, begin)
        write_status(going.folder.path, begin, "running")
        while going.step < settings.steps and not interrupts.received:
            going.advance()
            if going.step % settings.interval == 0:
                _record(going, progress)
            if going.step % settings.checkpoint == 0:
                last = _save(going, begin)
    return last if last.step == going.step else _save(going, begin)


def _told(settings: MDSettings) -> str:
    bath = "" if settings.temperature is None else f" at {settings.temperature:g} K"
    pressed = f" and {settings.pressure:g} GPa" if settings.ensemble == "npt" else ""
    return f"{settings.ensemble}{bath}{pressed}, {settings.steps} steps of {settings.timestep:g} fs"


def _record(going: MDRun, progress: Progress) -> None:
    row = going.record()
    values = (row.step, row.time_fs, row.potential_eV, row.total_eV, row.temperature_K, row.volume_A3, going.seconds)
    progress.line(
        values, done=row.step / max(going.settings.steps, 1), note=f"step {row.step} of {going.settings.steps}"
    )


def _save(going: MDRun, begin: Checkpoint) -> Checkpoint:
    state = going.checkpoint(begin)
    state.write(going.folder.path)
    return state
