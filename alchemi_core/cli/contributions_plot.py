"""The picture of contributions: bars of what each step adds, for few structures; their spread, for many."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import attrs
import numpy as np

from alchemi_core.cli import plots
from alchemi_core.cli.contributions import TOTAL

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from alchemi_core.cli.contributions import Share

BARS = 40
"""How many a panel has at most: as many structures, or compositions, as their steps allow get bars of their own."""

NUMBERED = 24
"""How many bars of a panel have their values written beside them."""

LONGEST = 36
"""Letters of a name beside the bars."""

WIDTH, BAR, LEAST = 3.4, 0.23, 1.0
"""Inches: width of a panel, height of a bar and the space around it, least height of a panel."""

LETTER, LEGEND = 0.08, 0.3
"""Inches: width of a letter of a name, room for the legend."""

NOISE = 1e-6
"""What is smaller is drawn as zero: forces that symmetry makes vanish, but not to the last digit."""


@attrs.frozen
class Figure:
    """What one panel shows of each contribution."""

    heading: str
    unit: str
    attribute: str

    def of(self, shares: Sequence[Sequence[Share]], label: str) -> np.ndarray:
        """Return the figures of one step in these structures, as far as it has one."""
        values = [getattr(one, self.attribute) for each in shares for one in each if one.label == label]
        found = np.array([value for value in values if value is not None], dtype=float)
        return np.where(np.abs(found) < NOISE, 0.0, found)


FIGURES = (
    Figure("Energy", "eV/atom", "energy_per_atom"),
    Figure("Forces, root mean square", "eV/Å", "rms_force"),
    Figure("Pressure", "GPa", "pressure"),
)


def plot_contributions(
    path: Path, names: Sequence[str], formulas: Sequence[str], shares: Sequence[Sequence[Share]], model: str
) -> None:
    """Draw and write the picture.

    Few structures have bars of their own. Many are gathered by composition: a bar is the mean of a composition then,
    with a line from its smallest to its largest. Many compositions are drawn as one distribution.

    Parameters
    ----------
    path : Path
        A PNG file.
    names, formulas : sequence of str
        Of the structures; formulas are equal where structures belong together.
    shares : sequence of sequence of Share
        What the steps add in each structure, the total as the last.
    model : str
        As written.
    """
    labels = [*dict.fromkeys(one.label for each in shares for one in each[:-1]), TOTAL]
    rows = _rows(names, formulas, shares, most=max(1, BARS // len(labels)))
    shown = [figure for figure in FIGURES if figure.of(shares, TOTAL).size]
    ticks = [_short(name) for name in (labels if len(rows) == 1 else rows)]
    height = max(LEAST, BAR * (len(labels) + 1) * len(rows))
    # Names of steps stand beside the bars of a single row, and in a legend above several.
    named = plots.legend_size([_short(label) for label in labels], WIDTH * len(shown)) if len(rows) > 1 else (0, 0)
    title = f"{names[0]}  {formulas[0]}" if len(names) == 1 else f"{len(names)} structures{_told(rows)}"
    picture, panels = plots.new_figure(
        f"Contributions: {title}",
        _short(model, 60 + 40 * (len(shown) - 1)),
        1,
        len(shown),
        panel=(WIDTH, height),
        left=0.35 + LETTER * max(map(len, ticks)),
        top=plots.TOP + LEGEND * named[0],
    )
    for axes, figure in zip(panels, shown, strict=True):
        _draw(axes, figure, rows, labels)
        _name(axes, ticks if axes is panels[0] else [], len(rows), len(labels))
    if len(rows) > 1:
        colors = {_short(label): color for label, color in zip(labels, _colors(labels), strict=True)}
        plots.legend_above(picture, colors, columns=named[1], below=plots.TOP - 0.3)
    plots.save(picture, path)


def _rows(
    names: Sequence[str], formulas: Sequence[str], shares: Sequence[Sequence[Share]], *, most: int
) -> dict[str, list[Sequence[Share]]]:
    """Return what stands at each place of the vertical axis: a structure, those of one composition, or all."""
    if len(names) <= most:
        return {name: [one] for name, one in zip(_distinct(names), shares, strict=True)}
    alike: dict[str, list[Sequence[Share]]] = {}
    for formula, one in zip(formulas, shares, strict=True):
        alike.setdefault(formula, []).append(one)
    if len(alike) <= most:
        return {f"{formula}  ({len(those)})": those for formula, those in alike.items()}
    return {"": list(shares)}


def _distinct(names: Sequence[str]) -> list[str]:
    """Return names of which no two are the same, though files of one name may lie in several folders."""
    return [name if names.count(name) == 1 else f"{name} ({number})" for number, name in enumerate(names, 1)]


def _told(rows: dict[str, list[Sequence[Share]]]) -> str:
    if all(len(those) == 1 for those in rows.values()):
        return ""
    return ": median, quartiles and range" if len(rows) == 1 else ", by composition: mean and range"


def _short(name: str, longest: int = LONGEST) -> str:
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def _colors(labels: Sequence[str]) -> list[str]:
    """Return a colour for each step, and that of ink for the total."""
    return [*(plots.SERIES[n % len(plots.SERIES)] for n in range(len(labels) - 1)), plots.INK]


def _draw(axes: Axes, figure: Figure, rows: dict[str, list[Sequence[Share]]], labels: Sequence[str]) -> None:
    numbered = len(rows) * len(labels) <= NUMBERED
    spread = len(rows) == 1 and len(next(iter(rows.values()))) > 1
    for (row, those), (n, (label, color)) in product(
        enumerate(rows.values()), enumerate(zip(labels, _colors(labels), strict=True))
    ):
        values = figure.of(those, label)
        if values.size:
            place = _place(row, n, len(labels))
            (plots.spread if spread else plots.bar)(axes, place, values, color, numbered=numbered)
    axes.grid(visible=False, axis="y")
    plots.from_zero(axes, margin=0.22 if numbered else 0.05)
    plots.label(axes, figure.heading, figure.unit, "")


def _place(row: int, n: int, labels: int) -> float:
    """Height of a bar: rows are one bar apart, and the total a quarter from what it sums."""
    return row * (labels + 1.0) + n + 0.25 * (n == labels - 1)


def _name(axes: Axes, ticks: Sequence[str], rows: int, labels: int) -> None:
    """Name what stands at the places of the vertical axis, from the top."""
    if rows == 1:
        places = [_place(0, n, labels) for n in range(labels)]
    else:
        places = [_place(row, 0, labels) + 0.5 * (labels - 1) for row in range(rows)]
    axes.set_yticks(places, ticks or [""] * len(places))
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(_place(rows - 1, labels - 1, labels) + 0.7, -0.7)
