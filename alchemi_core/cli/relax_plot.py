"""The picture of a relaxation: energy and largest force over the steps, cell lengths and volume where they change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from alchemi_core.cli import plots

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from alchemi_core.cli.relaxation import RelaxationStep

FLOOR = 1e-5
"""eV/Å. Forces that symmetry makes vanish are drawn here on the logarithmic axis."""

COLORS = {"a": plots.BLUE, "b": plots.GREEN, "c": plots.ORANGE}
SAME = 5e-5
"""Å. Lengths that differ by less are one line."""


def plot_relaxation(path: Path, steps: Sequence[RelaxationStep], fmax: float, title: str, subtitle: str) -> None:
    """Draw and write the picture.

    Parameters
    ----------
    path : Path
        A PNG file.
    steps : sequence of RelaxationStep
        The start and all steps.
    fmax : float, eV/Å
        Where the largest force had to come.
    title, subtitle : str
        Above the panels.
    """
    cell_moved = _cell_moved(steps)
    figure, panels = plots.new_figure(title, subtitle, 2 if cell_moved else 1, 2)
    _energy(panels[0], steps)
    _force(panels[1], steps, fmax)
    if cell_moved:
        _lengths(panels[2], steps)
        _volume(panels[3], steps)
    for axes in panels:
        plots.whole_steps(axes)
    plots.save(figure, path)


def _cell_moved(steps: Sequence[RelaxationStep]) -> bool:
    cells = [step.snapshot.cell for step in steps if step.snapshot.cell is not None]
    return any((cell != cells[0]).any() for cell in cells)


def _numbers(steps: Sequence[RelaxationStep]) -> list[float]:
    return [step.snapshot.step for step in steps]


def _energy(axes: Axes, steps: Sequence[RelaxationStep]) -> None:
    atoms = len(steps[0].snapshot.atoms)
    end = steps[-1].snapshot.energy
    above = [1e3 * (step.snapshot.energy - end) / atoms for step in steps]
    plots.line(axes, _numbers(steps), above, plots.BLUE)
    plots.label(axes, plots.with_minus(f"Energy  → {end:.5f} eV"), "step", "above the end, meV/atom")


def _force(axes: Axes, steps: Sequence[RelaxationStep], fmax: float) -> None:
    """Draw what has to fall below the limit; beside it the force on atoms, where that is another and not zero."""
    numbers = _numbers(steps)
    largest = [max(step.pull, FLOOR) for step in steps]
    on_atoms = [max(step.snapshot.max_force, FLOOR) for step in steps]
    same = np.allclose(largest, on_atoms)
    plots.line(axes, numbers, largest, plots.RED, "on atoms" if same else "on atoms and cell")
    if not same and max(on_atoms) > FLOOR:
        plots.line(axes, numbers, on_atoms, plots.QUIET, "on atoms")
    axes.set_yscale("log")
    # Where forces fall by less than ten, matplotlib names the ticks between the powers too.
    axes.tick_params(axis="y", which="minor", colors=plots.QUIET, labelcolor=plots.INK, labelsize=8.5)
    plots.level(axes, fmax, f"wanted: {fmax:g}")
    plots.legend(axes)
    plots.label(axes, f"Largest force  → {steps[-1].pull:.2g} eV/Å", "step", "eV/Å")


def _lengths(axes: Axes, steps: Sequence[RelaxationStep]) -> None:
    """Draw each length; those that change alike share a line, those that are equal a name."""
    cells = np.array([step.snapshot.cell[:3] for step in steps if step.snapshot.cell is not None])
    left = {name: cells[:, column] for column, name in enumerate(COLORS)}
    while left:
        first, values = next(iter(left.items()))
        equal = [name for name, other in left.items() if np.allclose(other, values, rtol=0.0, atol=SAME)]
        text = f"{' = '.join(equal)}  {values[0]:.3f} → {values[-1]:.3f} Å"
        plots.line(axes, _numbers(steps), 100.0 * (values / values[0] - 1.0), COLORS[first], text)
        left = {name: other for name, other in left.items() if name not in equal}
    plots.legend(axes)
    plots.label(axes, "Cell lengths", "step", "change, %")


def _volume(axes: Axes, steps: Sequence[RelaxationStep]) -> None:
    volumes = [step.snapshot.volume for step in steps if step.snapshot.volume is not None]
    plots.line(axes, _numbers(steps), volumes, plots.GREEN)
    plots.label(axes, f"Volume  {volumes[0]:.2f} → {volumes[-1]:.2f} Å³", "step", "Å³")
