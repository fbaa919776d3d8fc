"""The steps of a run: frames, log lines and checkpoints at their intervals, and a look at the condition after each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.cli.condition import Verdict
from alchemi_core.cli.md_stop import record_stop
from alchemi_core.cli.progress import Field, Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from alchemi_core.cli.checkpoint import Checkpoint
    from alchemi_core.cli.interrupts import Interrupts
    from alchemi_core.cli.md_run import MDRun
    from alchemi_core.cli.md_settings import MDSettings
    from alchemi_core.cli.md_watch import Watch

FIELDS = (
    Field("step", "", 8, "d"),
    Field("time", "fs", 10, ".1f"),
    Field("potential", "eV", 14, ".5f"),
    Field("total", "eV", 14, ".5f"),
    Field("temperature", "K", 11, ".1f"),
    Field("volume", "Å³", 10, ".2f"),
)
ELAPSED = Field("elapsed", "s", 8, ".1f")
LEAST, MOST = 10, 32
"""Letters of a column of what a condition watches."""


def take_steps(
    going: MDRun, begin: Checkpoint, interrupts: Interrupts, running: Callable[[], None]
) -> tuple[Checkpoint, Verdict]:
    """Take the steps, to the last, to a signal, or to where the condition holds.

    Parameters
    ----------
    going : MDRun
        At its start, or at a checkpoint.
    begin : Checkpoint
        What it began from.
    interrupts : Interrupts
        Signals so far.
    running : callable
        Called once the folder is there.

    Returns
    -------
    Checkpoint, Verdict
        Of the last step, written; and whether the condition ended the run.
    """
    settings, last, stop = begin.settings, begin, Verdict(holds=False)
    title = f"{begin.record['structure']}: {begin.atoms.symbols}, {_told(settings)}, with {begin.model}"
    with Progress(title, (*FIELDS, *_fields(going.watch), ELAPSED)) as progress:
        if going.step == 0:
            _record(going, progress)
            last = _save(going, begin)
            # A run that stopped here before goes on, by a step at least.
            stop = Verdict(holds=False) if begin.record.get("stops") else going.look()
        running()
        while going.step < settings.steps and not (interrupts.received or stop.holds):
            going.advance()
            stop = going.look()
            if going.step % settings.interval == 0 or stop.holds:
                _record(going, progress)
            if going.step % settings.checkpoint == 0 and not stop.holds:
                last = _save(going, begin)
    if stop.holds:
        return _save(going, record_stop(begin, going, stop)), stop
    return (last if last.step == going.step else _save(going, begin)), stop


def _told(settings: MDSettings) -> str:
    bath = "" if settings.temperature is None else f" at {settings.temperature:g} K"
    pressed = f" and {settings.pressure:g} GPa" if settings.ensemble == "npt" else ""
    until = "" if settings.stop_if is None else f" or until {settings.stop_if}"
    return f"{settings.ensemble}{bath}{pressed}, {settings.steps} steps of {settings.timestep:g} fs{until}"


def _fields(watch: Watch | None) -> list[Field]:
    """Return a column for each value that the condition watches."""
    columns = () if watch is None else watch.columns
    titles = [one.text if len(one.text) <= MOST else f"{one.text[: MOST - 1]}…" for one in columns]
    return [
        Field(title, one.kind.unit, max(LEAST, len(title)), ".4g") for title, one in zip(titles, columns, strict=True)
    ]


def _record(going: MDRun, progress: Progress) -> None:
    row, watched = going.record()
    values = (row.step, row.time_fs, row.potential_eV, row.total_eV, row.temperature_K, row.volume_A3)
    progress.line(
        (*values, *watched.values(), going.seconds),
        done=row.step / max(going.settings.steps, 1),
        note=f"step {row.step} of {going.settings.steps}",
    )


def _save(going: MDRun, begin: Checkpoint) -> Checkpoint:
    state = going.checkpoint(begin)
    state.write(going.folder.path)
    return state
