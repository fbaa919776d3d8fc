"""The look of all pictures: one palette, quiet axes, and values named where the lines end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from alchemi_core.atomic_write import replacing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

INK, QUIET, GRID = "#22303c", "#7b8894", "#e6eaee"
BLUE, ORANGE, GREEN, RED = "#2a6f97", "#d9822b", "#3c8d5a", "#b5443c"
SERIES = (BLUE, ORANGE, GREEN, RED, "#7d5ba6", "#4aa3a2", "#a0703f", "#c76b98")
"""Colours of things of one kind, in order."""

PANEL = (4.1, 2.05)
LEFT, RIGHT, TOP, BOTTOM = 0.85, 0.3, 1.0, 0.6
GAPS = (1.0, 0.95)
"""Width and height of one panel, margins around all, and space between panels, inches."""


def new_figure(
    title: str,
    subtitle: str,
    rows: int,
    columns: int,
    *,
    panel: tuple[float, float] = PANEL,
    left: float = LEFT,
    top: float = TOP,
) -> tuple[Figure, list[Axes]]:
    """Make a figure of quiet panels under a title.

    Parameters
    ----------
    title, subtitle : str
        Above the panels.
    rows, columns : int
        How many panels.
    panel : tuple of float, inches
        Width and height of one.
    left, top : float, inches
        Margins for names of what is drawn, where these take more than numbers and headings do.

    Returns
    -------
    figure, panels
        Panels row by row.
    """
    width = left + RIGHT + columns * panel[0] + (columns - 1) * GAPS[0]
    height = top + BOTTOM + rows * panel[1] + (rows - 1) * GAPS[1]
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    figure.text(0.2 / width, 1.0 - 0.34 / height, title, fontsize=12.5, fontweight="bold", color=INK)
    figure.text(0.2 / width, 1.0 - 0.58 / height, subtitle, fontsize=9.5, color=QUIET)
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    figure.subplots_adjust(
        left=left / width,
        right=1.0 - RIGHT / width,
        top=1.0 - top / height,
        bottom=BOTTOM / height,
        wspace=GAPS[0] / panel[0],
        hspace=GAPS[1] / panel[1],
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


def legend_size(names: Sequence[str], width: float) -> tuple[int, int]:
    """Return how many lines and columns a legend above panels of this width in inches takes."""
    columns = min(len(names), max(1, int(width / (0.5 + 0.08 * max(map(len, names))))))
    return -(-len(names) // columns), columns


def legend_above(figure: Figure, colors: Mapping[str, str], *, columns: int, below: float) -> None:
    """Show what the colours of all panels are, `below` inches from the upper edge."""
    from matplotlib.patches import Patch

    figure.legend(
        handles=[Patch(color=color, label=text) for text, color in colors.items()],
        loc="upper left",
        bbox_to_anchor=(0.1 / figure.get_figwidth(), 1.0 - below / figure.get_figheight()),
        ncols=columns,
        fontsize=9,
        frameon=False,
        labelcolor=INK,
        handlelength=1.0,
        columnspacing=1.4,
    )


def bar(axes: Axes, place: float, values: np.ndarray, color: str, *, numbered: bool) -> None:
    """Draw the mean as a horizontal bar from zero, with a line from the smallest to the largest."""
    mean = float(values.mean())
    axes.barh(place, mean, height=0.8, color=color)
    if values.size > 1:
        axes.plot([values.min(), values.max()], [place, place], color=QUIET, linewidth=1.2)
    if numbered:
        _value(axes, place, mean, min(mean, values.min()) if mean < 0.0 else max(mean, values.max()))


def spread(axes: Axes, place: float, values: np.ndarray, color: str, *, numbered: bool) -> None:
    """Draw range, quartiles and median of values along a horizontal line."""
    low, first, median, third, high = np.percentile(values, (0, 25, 50, 75, 100))
    axes.plot([low, high], [place, place], color=color, linewidth=1.2)
    axes.barh(place, third - first, left=first, height=0.6, color=color)
    axes.plot([median, median], [place - 0.3, place + 0.3], color="white", linewidth=1.6)
    if numbered:
        _value(axes, place, median, low if median < 0.0 else high)


def from_zero(axes: Axes, margin: float) -> None:
    """Mark zero on the horizontal axis, with room of `margin` of its length beyond what is drawn, but none at zero."""
    low, high = axes.dataLim.intervalx
    low, high = min(low, 0.0), max(high, 0.0)
    room = margin * (high - low) or 1.0
    axes.set_xlim(low - room * (low < 0.0), high + room * (high > 0.0 or low == high))
    axes.axvline(0.0, color=QUIET, linewidth=1.0)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6))


def _value(axes: Axes, place: float, value: float, tip: float) -> None:
    """Write a value beside the tip of what shows it, on the side away from zero."""
    aside = -4 if value < 0.0 else 4
    axes.annotate(
        with_minus(three_digits(value)),
        (tip, place),
        xytext=(aside, 0),
        textcoords="offset points",
        ha="right" if value < 0.0 else "left",
        va="center",
        fontsize=8.5,
        color=INK,
    )


def three_digits(value: float) -> str:
    """Return a value with three digits, zeros at its end included; large ones without a fraction."""
    if value == 0.0:
        return "0"
    return f"{value:.0f}" if abs(value) >= 100.0 else f"{value:#.3g}"


def with_minus(text: str) -> str:
    """Return the text with minus signs for hyphens."""
    return text.replace("-", "−")


def save(figure: Figure, path: Path) -> None:
    """Write a picture, whole or not at all."""
    with replacing(path) as draft:
        figure.savefig(draft, format="png", dpi=160)
