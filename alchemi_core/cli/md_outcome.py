"""What a run of molecular dynamics came to: the last structure, the record, the picture, and a summary."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from alchemi_core.atomic_write import write_json, write_text
from alchemi_core.cli.frames import as_text
from alchemi_core.cli.md_log import NAME as LOG
from alchemi_core.cli.md_log import read_log
from alchemi_core.cli.md_stop import NAME as STOPPED
from alchemi_core.cli.provenance import now
from alchemi_core.cli.tables import Column, show_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from alchemi_core.cli.checkpoint import Checkpoint
    from alchemi_core.cli.md_watch import Watch

MEASURED = (
    ("temperature_K", "temperature", "K", ".1f"),
    ("potential_eV", "potential energy", "eV", ".5f"),
    ("total_eV", "total energy", "eV", ".5f"),
    ("volume_A3", "volume", "Å³", ".2f"),
    ("pressure_GPa", "pressure", "GPa", ".3f"),
)


def finish(last: Checkpoint, folder: Path, status: str, watch: Watch | None = None) -> None:
    """Write ``final.extxyz``, ``run.json`` and ``md.png``, and print the summary.

    Parameters
    ----------
    last : Checkpoint
        Of the last step.
    folder : Path
        Where trajectory and log are.
    status : str
        ``"done"``, ``"stopped"`` or ``"interrupted"``.
    watch : Watch, optional
        The condition of the run.
    """
    log = read_log(folder / LOG)
    write_text(folder / "final.extxyz", as_text([last.atoms]))
    write_json(folder / "run.json", describe(last, log, status))
    title = f"{last.record['structure']}  {last.atoms.symbols}"
    told = f"{last.model} · {last.settings.ensemble}, {last.step} steps of {last.settings.timestep:g} fs"
    # Only now, so that a run starts without waiting for matplotlib.
    from alchemi_core.cli.md_plot import plot_run

    plot_run(folder / "md.png", log, last.settings, len(last.atoms), title, told, watch)
    _show(last, log)
    if status == "stopped":
        _tell_stop(last, folder)
    sys.stdout.write(f"{status}: {last.step} steps, {last.seconds:.1f} s; wrote {folder}\n")


def _tell_stop(last: Checkpoint, folder: Path) -> None:
    stop = last.record["stops"][-1]
    sys.stdout.write(f"stopped at step {last.step}, as asked: {stop['condition']}\n")
    sys.stdout.write("".join(f"  {reason}\n" for reason in stop["because"]))
    sys.stdout.write(f"  the structure is in {folder / STOPPED}; go on with:\n")
    sys.stdout.write(f"  alchemi md --resume {folder} --stop-if CONDITION (or never)\n")


def write_status(folder: Path, run: Checkpoint, status: str, **more: str) -> None:
    """Write a ``run.json`` that says no more than how the run began and how it stands."""
    write_json(folder / "run.json", {**run.record, "status": status, "settings": attrs.asdict(run.settings), **more})


def describe(last: Checkpoint, log: Mapping[str, np.ndarray], status: str) -> dict[str, Any]:
    """Return what ``run.json`` says."""
    averages = {
        name: {"mean": float(log[name].mean()), "deviation": float(log[name].std())}
        for name, *_ in MEASURED
        if name in log
    }
    return {
        **last.record,
        "finished": now(),
        "status": status,
        "settings": attrs.asdict(last.settings),
        "steps": last.step,
        "seconds": last.seconds,
        "frames": len(log["step"]),
        "averages": averages,
        "conserved_energy_drift_eV_per_atom": drift(log, len(last.atoms)),
    }


def drift(log: Mapping[str, np.ndarray], atoms: int) -> float | None:
    """Largest deviation of the conserved energy from its start, eV/atom; None for a random bath."""
    if "conserved_eV" not in log:
        return None
    return float(np.abs(log["conserved_eV"] - log["conserved_eV"][0]).max()) / atoms


def _show(last: Checkpoint, log: Mapping[str, np.ndarray]) -> None:
    titles = ("start", "end", "mean", "deviation")
    columns = [Column(""), Column("unit"), *(Column(title, number=True) for title in titles)]
    rows = [
        [name, unit, *(format(float(value), form) for value in (column[0], column[-1], column.mean(), column.std()))]
        for key, name, unit, form in MEASURED
        if (column := log.get(key)) is not None
    ]
    sys.stdout.write("\n")
    show_table("", columns, rows)
    lost = drift(log, len(last.atoms))
    if lost is not None:
        sys.stdout.write(f"energy conserved to {1e3 * lost:.3g} meV/atom\n")
