"""What ``alchemi vibrations`` leaves behind: frequencies as a table, modes for viewers, and a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from matplotlib.ticker import MaxNLocator

from alchemi_core.atomic_write import write_text
from alchemi_core.cli.frames import as_text
from alchemi_core.cli.plots import BLUE, RED, label, new_figure, save

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from matplotlib.axes import Axes

    from alchemi_derivatives.modes import Modes

FILES = ("frequencies.csv", "modes.extxyz", "vibrations.png", "relaxed.extxyz", "run.json")

AMPLITUDE = 0.3
"""Largest displacement of an atom in the modes that are written, Å."""

WIDTH = 0.006
"""Width of a mode in the picture, as a part of the axis."""


def as_rows(modes: Modes) -> Iterator[tuple[int, float, float]]:
    """Yield number, wavenumber in cm⁻¹ and energy in meV of every mode; imaginary ones are negative."""
    for number, (frequency, energy) in enumerate(zip(modes.frequencies.tolist(), modes.energies.tolist(), strict=True)):
        yield number + 1, frequency, 1e3 * energy


def write_files(folder: Path, modes: Modes, atoms: Atoms, subtitle: str) -> list[Path]:
    """Write all but the record, and return the paths."""
    table, frames, picture = (folder / name for name in FILES[:3])
    lines = [f"{number},{frequency:.6f},{energy:.6f}" for number, frequency, energy in as_rows(modes)]
    write_text(table, "\n".join(["mode,frequency_per_cm,energy_meV", *lines]) + "\n")
    write_text(frames, as_text(_frames(modes, atoms)))
    _draw(picture, modes, subtitle)
    return [table, frames, picture]


def _frames(modes: Modes, atoms: Atoms) -> Iterator[Atoms]:
    """Yield a frame per mode, its displacements as vectors behind the positions, where viewers look for them."""
    moves = modes.displacements
    scaled = AMPLITUDE * moves / moves.norm(dim=2).amax(dim=1).view(-1, 1, 1)
    for (number, frequency, energy), vectors in zip(as_rows(modes), scaled.numpy(), strict=True):
        frame = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
        frame.arrays["vibration"] = vectors
        frame.info.update(mode=number, frequency_per_cm=frequency, energy_meV=energy)
        yield frame


def _draw(path: Path, modes: Modes, subtitle: str) -> None:
    figure, (axes,) = new_figure("Vibrations", subtitle, 1, 1)
    figure.set_size_inches(7.2, figure.get_size_inches()[1])
    frequencies = modes.frequencies.numpy()
    _draw_modes(axes, frequencies)
    zero_point = f"zero-point energy {modes.zero_point_energy:.4f} eV"
    label(axes, zero_point, "wavenumber, cm⁻¹" + "; imaginary below zero" * (modes.imaginary > 0), "modes")
    save(figure, path)


def _draw_modes(axes: Axes, frequencies: np.ndarray) -> None:
    """Draw each mode as a line, and all as a curve in which those that lie close add up."""
    low, high = min(0.0, float(frequencies.min())), max(0.0, float(frequencies.max()))
    margin = 0.04 * max(high - low, 1.0)
    grid = np.linspace(low - margin, high + margin, 2000)
    width = WIDTH * (grid[-1] - grid[0])
    curve = np.exp(-0.5 * ((grid[:, None] - frequencies) / width) ** 2).sum(axis=1)
    colors = [RED if frequency < 0.0 else BLUE for frequency in frequencies]
    axes.fill_between(grid, curve, color=BLUE, alpha=0.18, linewidth=0.0)
    axes.vlines(frequencies, 0.0, 1.0, colors=colors, linewidth=1.4)
    axes.set_xlim(grid[0], grid[-1])
    axes.set_ylim(0.0, 1.15 * float(curve.max()))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
