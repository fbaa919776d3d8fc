"""The picture of a run: temperature, energies, volume and pressure of a changing cell, what is watched, over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from alchemi_core.cli import plots

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from matplotlib.axes import Axes

    from alchemi_core.cli.md_settings import MDSettings
    from alchemi_core.cli.md_watch import Watch
    from alchemi_core.cli.operands import Operand

PICOSECOND = 1000.0
LONGEST = 36
"""Letters of a heading."""


def plot_run(
    path: Path,
    log: Mapping[str, np.ndarray],
    settings: MDSettings,
    atoms: int,
    title: str,
    subtitle: str,
    watch: Watch | None = None,
) -> None:
    """Draw and write the picture of a log of `atoms` atoms."""
    has_pressure = "pressure_GPa" in log
    watched = [] if watch is None else [one for one in watch.columns if one.text in log]
    rows = 1 + has_pressure + (len(watched) + 1) // 2
    figure, panels = plots.new_figure(title, subtitle, rows, 2)
    long = log["time_fs"][-1] >= 2.0 * PICOSECOND
    time = log["time_fs"] / (PICOSECOND if long else 1.0)
    unit = "time, ps" if long else "time, fs"
    _temperature(panels[0], time, log, settings, unit)
    _energies(panels[1], time, log, atoms, unit)
    if has_pressure:
        _volume(panels[2], time, log, unit)
        _pressure(panels[3], time, log, settings, unit)
    below = panels[4 if has_pressure else 2 :]
    if watch is not None:
        for axes, one in zip(below, watched, strict=False):
            _watched(axes, time, log[one.text], watch, one, unit)
    for axes in below[len(watched) :]:
        axes.set_visible(False)
    plots.save(figure, path)


def _temperature(axes: Axes, time: np.ndarray, log: Mapping[str, np.ndarray], settings: MDSettings, unit: str) -> None:
    values = log["temperature_K"]
    plots.line(axes, time, values, plots.RED)
    if settings.ensemble != "nve" and settings.temperature is not None:
        plots.level(axes, settings.temperature, f"bath: {settings.temperature:g} K")
    plots.label(axes, f"Temperature  {values.mean():.0f} ± {values.std():.0f} K", unit, "K")


def _energies(axes: Axes, time: np.ndarray, log: Mapping[str, np.ndarray], atoms: int, unit: str) -> None:
    drawn = (("potential_eV", "potential", plots.BLUE), ("total_eV", "total", plots.ORANGE))
    for name, text, color in drawn:
        plots.line(axes, time, _change(log[name], atoms), color, text)
    heading = "Energy"
    if "conserved_eV" in log:
        change = _change(log["conserved_eV"], atoms)
        plots.line(axes, time, change, plots.INK, "conserved")
        heading = f"Energy  conserved to {np.abs(change).max():.2g} meV/atom"
    plots.legend(axes)
    plots.label(axes, heading, unit, "change, meV/atom")


def _watched(axes: Axes, time: np.ndarray, values: np.ndarray, watch: Watch, one: Operand, unit: str) -> None:
    plots.line(axes, time, values, plots.ORANGE)
    for level in watch.condition.levels(one):
        plots.level(axes, level, plots.with_minus(f"condition: {level:g}"))
    name = one.text if len(one.text) <= LONGEST else f"{one.text[: LONGEST - 1]}…"
    plots.label(axes, plots.with_minus(f"{name}  → {values[-1]:.3g}"), unit, one.kind.unit)


def _change(energy: np.ndarray, atoms: int) -> np.ndarray:
    return np.asarray(1e3 * (energy - energy[0]) / atoms)


def _volume(axes: Axes, time: np.ndarray, log: Mapping[str, np.ndarray], unit: str) -> None:
    values = log["volume_A3"]
    plots.line(axes, time, values, plots.GREEN)
    plots.label(axes, f"Volume  {values.mean():.1f} ± {values.std():.1f} Å³", unit, "Å³")


def _pressure(axes: Axes, time: np.ndarray, log: Mapping[str, np.ndarray], settings: MDSettings, unit: str) -> None:
    values = log["pressure_GPa"]
    plots.line(axes, time, values, plots.BLUE)
    plots.level(axes, settings.pressure, f"barostat: {settings.pressure:g} GPa")
    heading = f"Pressure  {values.mean():.2f} ± {values.std():.2f} GPa"
    plots.label(axes, plots.with_minus(heading), unit, "GPa")
