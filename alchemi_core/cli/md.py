"""``alchemi md``: molecular dynamics that a killed run can go on from."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.ase import AlchemiCalculator
from alchemi_core.cli.checkpoint import NAME as CHECKPOINT
from alchemi_core.cli.checkpoint import Checkpoint
from alchemi_core.cli.composing import DTYPES, chosen_device, compose
from alchemi_core.cli.interrupts import SIGNALLED, between_steps
from alchemi_core.cli.md_log import NAME as LOG
from alchemi_core.cli.md_outcome import finish, write_status
from alchemi_core.cli.md_run import TRAJECTORY, MDRun
from alchemi_core.cli.md_settings import NEVER, MDSettings
from alchemi_core.cli.md_steps import take_steps
from alchemi_core.cli.md_stop import NAME as STOPPED
from alchemi_core.cli.md_stop import check_may_go_on
from alchemi_core.cli.md_watch import Watch
from alchemi_core.cli.output_folder import OutputFolder
from alchemi_core.cli.provenance import describe_model, describe_run, now
from alchemi_core.cli.resuming import check_start, check_unchanged, lasting, refuse_decided, telling_of_failure
from alchemi_core.cli.structures import read_structures, the_only
from alchemi_core.errors import OptionError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from alchemi_core.pipeline import PipelineModelWrapper

FILES = (TRAJECTORY, LOG, CHECKPOINT, STOPPED, "final.extxyz", "run.json", "md.png")


def run(arguments: argparse.Namespace) -> int:
    """Start a run, or go on with one."""
    if arguments.resume is not None:
        return _resume(arguments)
    return _start(arguments)


def _start(arguments: argparse.Namespace) -> int:
    check_start(arguments, "md")
    settings, device = MDSettings.of(arguments), chosen_device(arguments)
    structure = the_only(read_structures([arguments.file], arguments.format), "md")
    settings.check_structure(structure.atoms)
    folder = OutputFolder.of(arguments, f"md-{structure.path.stem}", FILES)
    dtype = arguments.dtype or "float64"
    pipeline = compose(arguments.model, device, arguments.accept)
    watch = Watch.of(settings.stop_if, pipeline, structure.atoms)
    pipeline.plan_for(_outputs(settings, watch))
    record = describe_run(arguments.words, [structure], str(device), dtype)
    record |= {
        "model": describe_model(arguments.model, pipeline, _outputs(settings, watch)),
        "settings": attrs.asdict(settings),
        "structure": structure.label,
        "parts": [],
    }
    start = Checkpoint(
        step=0,
        seconds=0.0,
        model=lasting(arguments.model),
        accept=arguments.accept,
        dtype=dtype,
        device=str(device),
        settings=settings,
        atoms=structure.atoms,
        state={},
        sizes={},
        record=record,
    )
    return _run(start, pipeline, folder, watch)


def _outputs(settings: MDSettings, watch: Watch | None) -> frozenset[str]:
    needed = frozenset({"energy", "forces", *(["stress"] if settings.ensemble == "npt" else [])})
    return needed if watch is None else needed | watch.outputs


def _resume(arguments: argparse.Namespace) -> int:
    decided = [name for name in MDSettings.names() if name not in ("steps", "stop_if")]
    expected = "--resume DIR, --steps for more steps, --stop-if for another condition"
    refuse_decided(arguments, decided, expected=expected, who="md")
    folder = OutputFolder.existing(Path(arguments.resume))
    found = Checkpoint.read(folder.path)
    steps = found.settings.steps if arguments.steps is None else arguments.steps
    if steps < found.step:
        raise OptionError(f"the run has taken {found.step} steps already", who="--steps", fix=f"--steps {found.step}")
    check_may_go_on(found, arguments.stop_if)
    device = torch.device(found.device) if arguments.device is None else chosen_device(arguments)
    check_unchanged(found.model, found.record)
    settings = attrs.evolve(found.settings, steps=steps, stop_if=_condition(found, arguments.stop_if))
    found = attrs.evolve(found, settings=settings, device=str(device))
    pipeline = compose(found.model, device, found.accept)
    return _run(found, pipeline, folder, Watch.of(settings.stop_if, pipeline, found.atoms))


def _condition(found: Checkpoint, given: str | None) -> str | None:
    """Return the condition to go on with: the one given, none where that is meant, else that of the run."""
    if given is None:
        return found.settings.stop_if
    return None if given == NEVER else given


def _run(begin: Checkpoint, pipeline: PipelineModelWrapper, folder: OutputFolder, watch: Watch | None) -> int:
    """Run from a checkpoint to the end, to where the condition holds, or to a signal between two steps."""
    outputs = frozenset[str]() if watch is None else watch.outputs
    device = torch.device(begin.device)
    calculator = AlchemiCalculator(pipeline, dtype=DTYPES[begin.dtype], device=device, outputs=outputs)
    atoms = begin.atoms.copy()
    note = partial(write_status, folder.path, begin, "failed")
    with (
        between_steps() as interrupts,
        telling_of_failure(folder, CHECKPOINT, "md", lambda error: note(error=error), lambda: _leftover(begin, folder)),
        MDRun(atoms, begin.settings, calculator, folder, watch) as going,
    ):
        if begin.state:
            going.resume(begin)
        begin = _with_part(begin)
        last, stop = take_steps(going, begin, interrupts, lambda: write_status(folder.path, begin, "running"))
    status = "stopped" if stop.holds else "interrupted" if interrupts.received else "done"
    finish(last, folder.path, status, watch)
    if interrupts.received and not stop.holds:
        sys.stderr.write(f"alchemi: interrupted at step {last.step}; go on with: alchemi md --resume {folder.path}\n")
        return SIGNALLED + interrupts.received
    return 0


def _leftover(begin: Checkpoint, folder: OutputFolder) -> Sequence[str]:
    """Files of a run that failed before there was anything in them."""
    return () if _has_frames(folder.path) or begin.state else FILES


def _has_frames(folder: Path) -> bool:
    trajectory = folder / TRAJECTORY
    return trajectory.is_file() and trajectory.stat().st_size > 0


def _with_part(begin: Checkpoint) -> Checkpoint:
    """Note in the record that the run goes on from here."""
    condition = {} if begin.settings.stop_if is None else {"stop_if": begin.settings.stop_if}
    this = {"from_step": begin.step, "started": now(), "device": begin.device, **condition}
    parts = [*begin.record["parts"], this]
    return attrs.evolve(begin, record={**begin.record, "parts": parts, "settings": attrs.asdict(begin.settings)})
