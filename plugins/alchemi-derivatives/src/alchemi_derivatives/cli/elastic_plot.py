"""The picture of elastic constants: Young's modulus by direction in three planes, and the constants themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from alchemi_core.cli import plots
from alchemi_derivatives.voigt import LABELS

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from alchemi_derivatives.cli.elastic_result import ElasticResult

SIZE = (9.4, 4.7)
PLANES = (("xy", plots.BLUE, "-"), ("yz", plots.ORANGE, "--"), ("xz", plots.GREEN, ":"))
COLORS = LinearSegmentedColormap.from_list("stiffness", [plots.ORANGE, "white", plots.BLUE])


def plot_elastic(path: Path, result: ElasticResult, name: str, model: str) -> None:
    """Draw and write the picture.

    Parameters
    ----------
    path : Path
        A PNG file.
    result : ElasticResult
        What to draw.
    name, model : str
        File and expression, for the title.
    """
    figure = Figure(figsize=SIZE, facecolor="white")
    FigureCanvasAgg(figure)
    figure.text(0.02, 0.935, f"Elastic constants of {name}", fontsize=12.5, fontweight="bold", color=plots.INK)
    figure.text(0.02, 0.885, f"{model}; {_sentence(result)}", fontsize=9.5, color=plots.QUIET)
    _constants(figure.add_axes((0.06, 0.07, 0.40, 0.70)), result)
    _directions(figure.add_axes((0.51, 0.08, 0.36, 0.64), projection="polar"), result)
    plots.save(figure, path)


def _sentence(result: ElasticResult) -> str:
    moduli, ions = result.moduli, "clamped" if result.relaxed is None else "relaxed"
    if not moduli.stable:
        return f"ions {ions}; not mechanically stable"
    return f"ions {ions}; K = {moduli.hill.bulk:.3g} GPa, G = {moduli.hill.shear:.3g} GPa (Hill)"


def _constants(axes: Axes, result: ElasticResult) -> None:
    constants = result.constants
    largest = float(np.abs(constants).max()) or 1.0
    form = ".2f" if largest < 9.995 else ".1f" if largest < 999.95 else ".0f"
    axes.imshow(constants, cmap=COLORS, vmin=-1.4 * largest, vmax=1.4 * largest)
    for (i, j), value in np.ndenumerate(constants):
        text = plots.with_minus(format(value, form))
        quiet = float(format(value, form)) == 0.0
        axes.text(
            j,
            i,
            "0" if quiet else text,
            ha="center",
            va="center",
            fontsize=8.5,
            color=plots.QUIET if quiet else plots.INK,
        )
    axes.set_xticks(range(6), LABELS)
    axes.set_yticks(range(6), LABELS)
    axes.tick_params(length=0, labelsize=9, labelcolor=plots.INK, top=False, bottom=False)
    axes.set_xticks(np.arange(0.5, 5.0), minor=True)
    axes.set_yticks(np.arange(0.5, 5.0), minor=True)
    axes.grid(which="minor", color="white", linewidth=1.2)
    axes.tick_params(which="minor", length=0)
    axes.spines[:].set_visible(False)
    axes.set_title("C, GPa", loc="left", fontsize=10, color=plots.INK, fontweight="bold")


def _directions(axes: Any, result: ElasticResult) -> None:
    axes.set_title(
        "Young's modulus by direction, GPa", loc="left", fontsize=10, color=plots.INK, fontweight="bold", pad=18
    )
    axes.tick_params(colors=plots.QUIET, labelsize=8.5)
    axes.grid(color=plots.GRID, linewidth=0.8)
    axes.spines["polar"].set_color(plots.GRID)
    if not result.moduli.stable:
        axes.text(0.5, 0.5, "none: not stable", transform=axes.transAxes, ha="center", color=plots.INK)
        axes.set_yticks([])
        return
    angle = np.linspace(0.0, 2.0 * np.pi, 361)
    for plane, color, style in PLANES:
        along = np.zeros((len(angle), 3))
        along[:, "xyz".index(plane[0])] = np.cos(angle)
        along[:, "xyz".index(plane[1])] = np.sin(angle)
        axes.plot(
            angle,
            result.moduli.young_along(along),
            color=color,
            linestyle=style,
            linewidth=1.8,
            label=f"{plane[0]} at 0°, {plane[1]} at 90°",
        )
    axes.set_ylim(bottom=0.0)
    axes.set_rlabel_position(22.5)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.legend(loc="upper left", bbox_to_anchor=(0.93, 1.22), fontsize=8.5, frameon=False, labelcolor=plots.INK)
