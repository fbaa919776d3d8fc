"""The look of all pictures: one palette, quiet axes, and values named where the lines end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from alchemi_core.atomic_write import replacing

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

INK, QUIET, GRID = "#22303c", "#7b8894", "#e6eaee"
BLUE, ORANGE, GREEN, RED = "#2a6f97", "#d9822b", "#3c8d5a", "#b5443c"
PANEL = (4.1, 2.05)
LEFT, RIGHT, TOP, BOTTOM = 0.85, 0.3, 1.0, 0.6
GAPS = (1.0, 0.95)
"""Width and height of one panel, margins around all, and space between panels, inches."""


def new_figure(title: str, subtitle: str, rows: int, columns: int) -> tuple[Figure, list[Axes]]:
    """Make a figure of quiet panels under a title.

    Returns
    -------
    figure, panels
        Panels row by row.
    """
    width = LEFT + RIGHT + columns * PANEL[0] + (columns - 1) * GAPS[0]
    height = TOP + BOTTOM + rows * PANEL[1] + (rows - 1) * GAPS[1]
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    figure.text(0.2 / width, 1.0 - 0.34 / height, title, fontsize=12.5, fontweight="bold", color=INK)
    figure.text(0.2 / width, 1.0 - 0.58 / height, subtitle, fontsize=9.5, color=QUIET)
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    figure.subplots_adjust(
        left=LEFT / width,
        right=1.0 - RIGHT / width,
        top=1.0 - TOP / height,
        bottom=BOTTOM / height,
        wspace=GAPS[0] / PANEL[0],
        hspace=GAPS[1] / PANEL[1],
    )
    for axes in panels:
        _quiet(axes)
    return figure, panels


def _quiet(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(QUIET)
    axes.tick_params(colors=QUIET, labelcolor=INK, labelsize=8.5)
    axes.grid(visible=True, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.margins(x=0.03, y=0.12)


def label(axes: Axes, heading: str, horizontal: str, vertical: str) -> None:
    """Name a panel and its axes, units included."""
    axes.set_title(heading, loc="left", fontsize=10, color=INK, fontweight="bold")
    axes.set_xlabel(horizontal, fontsize=9, color=INK)
    axes.set_ylabel(vertical, fontsize=9, color=INK)


def whole_steps(axes: Axes) -> None:
    """Put ticks at whole steps only."""
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))


def line(axes: Axes, x: ArrayLike, y: ArrayLike, color: str, text: str = "") -> None:
    """Draw a line, with points where there are few, and its name in the legend."""
    few = np.size(x) <= 60
    axes.plot(x, y, color=color, linewidth=1.8, marker="o" if few else "", markersize=3.6, label=text or None)


def level(axes: Axes, value: float, text: str) -> None:
    """Draw a dashed horizontal line, with its meaning at its left end."""
    axes.axhline(value, color=INK, linewidth=1.0, linestyle=(0, (4, 3)))
    axes.annotate(
        text,
        (0.0, value),
        xycoords=axes.get_yaxis_transform(),
        xytext=(6, 3),
        textcoords="offset points",
        fontsize=8.5,
        color=INK,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.0},
    )


def legend(axes: Axes) -> None:
    """Show what the lines are, wherever they leave room."""
    axes.legend(loc="best", fontsize=8.5, frameon=True, framealpha=0.8, edgecolor="none", labelcolor=INK)


def with_minus(text: str) -> str:
    """Return the text with minus signs for hyphens."""
    return text.replace("-", "−")


def save(figure: Figure, path: Path) -> None:
    """Write a picture, whole or not at all."""
    with replacing(path) as draft:
        figure.savefig(draft, format="png", dpi=160)
