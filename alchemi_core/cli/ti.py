"""``alchemi ti``: free energy differences by thermodynamic integration over windows of a coupling parameter."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.cli.composing import chosen_device, compose
from alchemi_core.cli.interrupts import SIGNALLED, Interrupts, between_steps
from alchemi_core.cli.output_folder import OutputFolder
from alchemi_core.cli.progress import Field, Progress
from alchemi_core.cli.provenance import describe_model, describe_run, now
from alchemi_core.cli.resuming import check_start, check_unchanged, lasting, refuse_decided, telling_of_failure
from alchemi_core.cli.structures import read_structures, the_only
from alchemi_core.cli.ti_checkpoint import NAME as CHECKPOINT
from alchemi_core.cli.ti_checkpoint import TICheckpoint
from alchemi_core.cli.ti_outcome import ENDS, PICTURE, RECORD, finish, read_windows, write_record
from alchemi_core.cli.ti_pipeline import SAMPLED, ramps_of, with_slope
from alchemi_core.cli.ti_run import TIRun
from alchemi_core.cli.ti_series import name_of
from alchemi_core.cli.ti_settings import TISettings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from alchemi_core.pipeline import PipelineModelWrapper

FIELDS = (
    Field("window", "", 6, "d"),
    Field("λ", "", 7, ".4f"),
    Field("⟨dE/dλ⟩", "eV", 14, ".6f"),
    Field("±", "eV", 11, ".6f"),
    Field("temperature", "K", 11, ".1f"),
    Field("elapsed", "s", 8, ".1f"),
)


def run(arguments: argparse.Namespace) -> int:
    """Start an integration, or go on with one."""
    if arguments.resume is not None:
        return _resume(arguments)
    return _start(arguments)


def _start(arguments: argparse.Namespace) -> int:
    check_start(arguments, "ti")
    settings, device = TISettings.of(arguments), chosen_device(arguments)
    structure = the_only(read_structures([arguments.file], arguments.format), "ti")
    settings.check_structure(structure.atoms)
    dtype = arguments.dtype or "float64"
    pipeline = with_slope(compose(arguments.model, device, arguments.accept), settings.coupling)
    settings = settings.between(ramps_of(pipeline, settings.coupling))
    folder = OutputFolder.of(arguments, f"ti-{structure.path.stem}", _names(arguments, settings))
    record = describe_run(arguments.words, [structure], str(device), dtype) | {
        "model": describe_model(arguments.model, pipeline, SAMPLED),
        "structure": structure.label,
        "parts": [],
    }
    start = TICheckpoint(
        step=0,
        seconds=0.0,
        model=lasting(arguments.model),
        dtype=dtype,
        device=str(device),
        accept=arguments.accept,
        settings=settings,
        atoms=structure.atoms,
        ends=(),
        state={},
        sizes={},
        record=record,
    )
    return _run(start, pipeline, folder)


def _names(arguments: argparse.Namespace, settings: TISettings) -> list[str]:
    """Files of a run in a folder that may be written over, those of an earlier one with more windows too."""
    earlier = [path.name for path in Path(arguments.out).glob("window-*.csv")] if arguments.out else []
    own = [name_of(window, settings.windows) for window in range(settings.windows)]
    return [CHECKPOINT, RECORD, PICTURE, ENDS, *sorted({*own, *earlier})]


def _resume(arguments: argparse.Namespace) -> int:
    refuse_decided(arguments, TISettings.names(), expected="--resume DIR alone", who="ti")
    folder = OutputFolder.existing(Path(arguments.resume))
    found = TICheckpoint.read(folder.path)
    device = torch.device(found.device) if arguments.device is None else chosen_device(arguments)
    check_unchanged(found.model, found.record)
    pipeline = with_slope(compose(found.model, device, found.accept), found.settings.coupling)
    return _run(attrs.evolve(found, device=str(device)), pipeline, folder)


def _run(begin: TICheckpoint, pipeline: PipelineModelWrapper, folder: OutputFolder) -> int:
    """Run from a checkpoint to the end, or to a signal between two steps."""
    part = {"from_window": len(begin.ends), "from_step": begin.step, "started": now(), "device": begin.device}
    state = attrs.evolve(begin, record={**begin.record, "parts": [*begin.record["parts"], part]})
    with between_steps() as interrupts, _telling_of_failure(state, folder), Progress(_title(state), FIELDS) as progress:
        while not state.done and not interrupts.received:
            state = _windows(state, pipeline, folder, progress, interrupts)
    if state.done:
        finish(state, folder.path)
        return 0
    write_record(state, folder.path, "interrupted")
    told = f"{len(state.ends)} of {state.settings.windows} windows are done"
    sys.stderr.write(f"alchemi: interrupted, {told}; go on with: alchemi ti --resume {folder.path}\n")
    return SIGNALLED + interrupts.received


def _title(state: TICheckpoint) -> str:
    settings = state.settings
    steps = f"{settings.equilibration} + {settings.steps} steps of {settings.timestep:g} fs"
    return (
        f"{state.record['structure']}: {state.atoms.symbols}, {settings.temperature:g} K, {steps}, with {state.model}"
    )


def _windows(
    begin: TICheckpoint,
    pipeline: PipelineModelWrapper,
    folder: OutputFolder,
    progress: Progress,
    interrupts: Interrupts,
) -> TICheckpoint:
    """Run the windows that are next, until they are done or a signal comes."""
    settings = begin.settings
    with TIRun(begin, pipeline, folder) as going:
        begin.write(folder.path)
        write_record(begin, folder.path, "running")
        while not going.finished and not interrupts.received:
            going.advance()
            if going.step % settings.checkpoint == 0 and not going.finished:
                going.checkpoint(begin).write(folder.path)
            progress.bar(*_so_far(going, settings))
        state = going.checkpoint(begin)
    state.write(folder.path)
    _tell(state, going, folder, progress)
    return state


def _so_far(going: TIRun, settings: TISettings) -> tuple[float, str]:
    share = (going.windows.start + len(going.windows) * going.step / settings.length) / settings.windows
    several = f"windows {going.windows.start} to {going.windows.stop - 1}"
    named = f"window {going.windows.start}" if len(going.windows) == 1 else several
    return share, f"{named} of {settings.windows}, step {going.step} of {settings.length}"


def _tell(state: TICheckpoint, going: TIRun, folder: OutputFolder, progress: Progress) -> None:
    """Print a line for each window that was finished."""
    if not going.finished:
        return
    windows = read_windows(state, folder.path).windows
    for number in going.windows:
        one = windows[number]
        values = (number, one.coupling, one.average.mean, one.average.error, one.temperature, state.seconds)
        done, note = _so_far(going, state.settings)
        progress.line(values, done=done, note=note)


@contextmanager
def _telling_of_failure(begin: TICheckpoint, folder: OutputFolder) -> Iterator[None]:
    def note(error: str) -> None:
        write_record(TICheckpoint.read(folder.path), folder.path, "failed", error=error)

    with telling_of_failure(folder, CHECKPOINT, "ti", note, lambda: () if begin.state else (CHECKPOINT, RECORD)):
        yield
