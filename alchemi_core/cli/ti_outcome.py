"""What a thermodynamic integration came to: the record, the structures, the picture, and the table."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import attrs
from ase import units

from alchemi_core.atomic_write import write_json, write_text
from alchemi_core.cli.frames import as_text
from alchemi_core.cli.provenance import now
from alchemi_core.cli.tables import Column, show_table
from alchemi_core.cli.ti_result import integrate
from alchemi_core.cli.ti_series import name_of, read_series
from alchemi_core.cli.ti_text import places_of, with_error

if TYPE_CHECKING:
    from pathlib import Path

    from ase import Atoms

    from alchemi_core.cli.ti_checkpoint import TICheckpoint
    from alchemi_core.cli.ti_result import Integration, Window

RECORD, PICTURE, ENDS = "ti.json", "ti.png", "final.extxyz"
TITLES = ("λ", "weight", "⟨dE/dλ⟩ eV", "± eV", "temperature K", "effective values", "block", "halves eV", "")


def read_windows(run: TICheckpoint, folder: Path) -> Integration:
    """Average and integrate the windows that are done."""
    series = [read_series(folder / name_of(window, run.settings.windows)) for window in range(len(run.ends))]
    settings = run.settings
    return integrate(series, settings.quadrature(), settings.temperature, len(run.atoms))


def write_record(run: TICheckpoint, folder: Path, status: str, **more: Any) -> None:
    """Write ``ti.json``: how the run began, how it stands, and all figures of the windows that are done."""
    figures = read_windows(run, folder).described() if run.ends else {}
    settings = attrs.asdict(run.settings)
    told = {"status": status, "seconds": run.seconds, "settings": settings}
    write_json(folder / RECORD, {**run.record, **told, **more, **figures})


def finish(run: TICheckpoint, folder: Path) -> None:
    """Write record, last structures and picture of a run that is done, and print the table."""
    found = read_windows(run, folder)
    write_text(folder / ENDS, as_text(_ends(run, found)))
    write_record(run, folder, "done", finished=now())
    title = f"{run.record['structure']}  {run.atoms.symbols}"
    model = run.record["model"]
    run_as = f"{run.settings.temperature:g} K, {run.settings.steps} steps of {run.settings.timestep:g} fs"
    told = f"{model.get('expression') or model['file']} · {run_as}"
    # Only now, so that a run starts without waiting for matplotlib.
    from alchemi_core.cli.ti_plot import plot_integration

    plot_integration(folder / PICTURE, found, title, told)
    _show(found)
    sys.stdout.write(f"done: {run.seconds:.1f} s; wrote {folder}\n")


def _ends(run: TICheckpoint, found: Integration) -> list[Atoms]:
    frames = []
    for positions, window in zip(run.ends, found.windows, strict=True):
        frame = run.atoms.copy()
        frame.positions = positions
        frame.info[run.settings.coupling] = window.coupling
        frames.append(frame)
    return frames


def _show(found: Integration) -> None:
    sys.stdout.write("\n")
    columns = [Column(title, number=bool(title)) for title in TITLES]
    # a blank keeps the digits of all rows below each other
    sides = [side or " " for side in found.quadrature.sides] or [""] * len(found.windows)
    show_table("", columns, [_cells(*row) for row in zip(found.windows, sides, strict=True)])
    value, error = found.free_energy
    kt = units.kB * found.temperature
    per_mole = units.kJ / units.mol
    edges = found.quadrature.edges
    limits = "" if (edges[0], edges[-1]) == (0.0, 1.0) else _limits(edges[0], edges[-1])
    lines = [
        f"ΔF{limits} = {with_error(value, error)} eV",
        f"   = {with_error(value / kt, error / kt)} kT = {with_error(value / per_mole, error / per_mole)} kJ/mol",
        f"   = {with_error(value / found.atoms, error / found.atoms)} eV/atom",
        *_pieces(found),
        *_checks(found),
        *(f"warning: {text}" for text in found.warnings),
    ]
    sys.stdout.write("\n" + "\n".join(lines) + "\n")


def _limits(low: float, high: float) -> str:
    return f" from λ = {low:g} to {high:g}"


def _pieces(found: Integration) -> list[str]:
    """Lines for the pieces, where there are several."""
    pieces = found.pieces if len(found.pieces) > 1 else []
    return [f"piece{_limits(one.low, one.high)}: {with_error(*one.free_energy)} eV" for one in pieces]


def _checks(found: Integration) -> list[str]:
    lines = [f"second halves of all windows minus first: {with_error(*found.halves)} eV"]
    off = found.discretisation
    if off is not None:
        lines.append(f"{found.quadrature.coarse_name} minus {found.quadrature.rule}: {with_error(*off)} eV")
    return lines


def _cells(window: Window, side: str) -> list[str]:
    average = window.average
    places = max(places_of(average.error), 0)
    return [
        f"{window.coupling:.4f}{side}",
        f"{window.weight:.4f}",
        f"{average.mean:.{places}f}",
        f"{average.error:.{places}f}",
        f"{window.temperature:.1f}",
        f"{average.effective:.0f}",
        f"{average.level.length}",
        with_error(*window.halves),
        window.notes,
    ]
