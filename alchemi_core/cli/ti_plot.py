"""The picture of a thermodynamic integration: the averages over λ, and what their integral grows to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from alchemi_core.cli import plots
from alchemi_core.cli.ti_quadrature import GAUSS
from alchemi_core.cli.ti_text import with_error

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from alchemi_core.cli.ti_result import Integration


def plot_integration(path: Path, found: Integration, title: str, subtitle: str) -> None:
    """Draw and write the picture of an integration that is complete."""
    figure, panels = plots.new_figure(title, subtitle, 1, 2)
    _slopes(panels[0], found)
    _running(panels[1], found)
    plots.save(figure, path)


def _slopes(axes: Axes, found: Integration) -> None:
    nodes = found.quadrature.nodes
    for piece in found.quadrature.pieces:
        axes.plot(nodes[piece], found.means[piece], color=plots.BLUE, linewidth=1.2, alpha=0.6)
    doubtful = np.array([bool(window.notes) for window in found.windows])
    for chosen, color, text in ((~doubtful, plots.BLUE, ""), (doubtful, plots.RED, "too short, or drifting")):
        if chosen.any():
            x, y, error = nodes[chosen], found.means[chosen], found.errors[chosen]
            _points(axes, x, y, error, color, text)
    if doubtful.any():
        plots.legend(axes)
    _limit(axes, found)
    plots.label(axes, f"{len(found.windows)} windows, {found.quadrature.rule}", "λ", "⟨dE/dλ⟩, eV")


def _limit(axes: Axes, found: Integration) -> None:
    """Show the whole range of λ in both panels, the ends that Gauss-Legendre leaves out too, and corners of weights."""
    low, *corners, high = found.quadrature.edges
    for corner in corners:
        axes.axvline(corner, color=plots.QUIET, linewidth=0.8, linestyle=":")
    axes.set_xlim(low - 0.03 * (high - low), high + 0.03 * (high - low))


def _running(axes: Axes, found: Integration) -> None:
    values, errors = np.array(found.running).T
    nodes = found.quadrature.nodes
    if found.quadrature.rule == GAUSS:
        nodes = np.array([0.0, *nodes, 1.0])
        values = np.array([0.0, *values, found.free_energy[0]])
        errors = np.array([0.0, *errors, found.free_energy[1]])
    axes.plot(nodes, values, color=plots.ORANGE, linewidth=1.2, alpha=0.6)
    _points(axes, nodes, values, errors, plots.ORANGE)
    _limit(axes, found)
    plots.label(axes, f"ΔF = {with_error(*found.free_energy)} eV", "λ", "integral up to λ, eV")


def _points(axes: Axes, x: np.ndarray, y: np.ndarray, errors: np.ndarray, color: str, text: str = "") -> None:
    axes.errorbar(
        x,
        y,
        errors,
        color=color,
        label=text or None,
        fmt="o",
        markersize=4.2,
        elinewidth=1.4,
        capsize=3.0,
        capthick=1.4,
    )
