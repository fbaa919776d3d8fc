"""The picture of phonons: bands along the standard path, and the density of states beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from alchemi_core.cli import plots
from alchemi_derivatives.phonon_spectrum import PER_CM

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

    from alchemi_derivatives.phonon_spectrum import PhononSpectrum

SHARE = 0.74
"""Of the width between the margins, for the bands."""

GAP = 0.03
TALL = 1.9
"""How much taller the panels are than those of other pictures."""


def plot_phonons(path: Path, spectrum: PhononSpectrum, title: str, subtitle: str) -> None:
    """Draw and write the picture."""
    figure, (bands, density) = plots.new_figure(title, subtitle, 1, 2)
    _arrange(figure, bands, density)
    _bands(bands, spectrum)
    _density(density, spectrum)
    low, high = _range(spectrum)
    for axes in (bands, density):
        axes.set_ylim(low, high)
        if low < 0.0:
            axes.axhline(0.0, color=plots.INK, linewidth=0.8)
    plots.save(figure, path)


def _arrange(figure: Figure, bands: Axes, density: Axes) -> None:
    """Make the picture taller, and give the bands most of its width."""
    width, height = figure.get_size_inches()
    taller = height + (TALL - 1.0) * plots.PANEL[1]
    figure.set_size_inches(width, taller)
    for text in figure.texts:
        text.set_y(1.0 - (1.0 - text.get_position()[1]) * height / taller)
    left, right = plots.LEFT / width, 1.0 - 2.4 * plots.RIGHT / width
    bottom, top = plots.BOTTOM / taller, 1.0 - plots.TOP / taller
    middle = left + SHARE * (right - left)
    bands.set_position((left, bottom, middle - left, top - bottom))
    density.set_position((middle + GAP, bottom, right - middle - GAP, top - bottom))


def _bands(axes: Axes, spectrum: PhononSpectrum) -> None:
    for line, frequencies in zip(spectrum.path.lines, spectrum.bands, strict=True):
        axes.plot(line.distances, frequencies, color=plots.BLUE, linewidth=1.5)
    ticks = spectrum.path.ticks
    axes.grid(visible=False, axis="x")
    for at, _ in ticks:
        axes.axvline(at, color=plots.QUIET, linewidth=0.7)
    axes.set_xticks([at for at, _ in ticks], [name for _, name in ticks])
    axes.set_xlim(ticks[0][0], ticks[-1][0])
    heading = f"Bands  {spectrum.path.lattice}".rstrip()
    below = "" if spectrum.is_stable else "; below zero imaginary"
    plots.label(axes, heading, "", f"frequency, THz{below}")


def _density(axes: Axes, spectrum: PhononSpectrum) -> None:
    axes.fill_betweenx(spectrum.points, spectrum.density, color=plots.BLUE, alpha=0.18, linewidth=0.0)
    axes.plot(spectrum.density, spectrum.points, color=plots.BLUE, linewidth=1.5)
    axes.set_xlim(0.0, 1.08 * float(spectrum.density.max(initial=1e-12)))
    axes.tick_params(labelleft=False)
    axes.spines["right"].set_visible(True)
    axes.spines["right"].set_color(plots.QUIET)
    inverse = axes.secondary_yaxis("right", functions=(_per_cm, _terahertz))
    inverse.tick_params(colors=plots.QUIET, labelcolor=plots.INK, labelsize=8.5)
    inverse.set_ylabel("1/cm", fontsize=9, color=plots.INK)
    inverse.spines["right"].set_visible(False)
    plots.label(axes, "Density of states", "states per THz", "")


def _per_cm(frequency: ArrayLike) -> ArrayLike:
    return np.asarray(frequency) * PER_CM


def _terahertz(wavenumber: ArrayLike) -> ArrayLike:
    return np.asarray(wavenumber) / PER_CM


def _range(spectrum: PhononSpectrum) -> tuple[float, float]:
    """From zero, or below where modes are imaginary, to a little above the highest band."""
    high = max(float(np.max(one)) for one in spectrum.bands)
    low = min(float(np.min(one)) for one in spectrum.bands)
    span = max(high - min(low, 0.0), 1e-3)
    return (0.0 if spectrum.is_stable else min(low, spectrum.lowest) - 0.05 * span), high + 0.06 * span
