"""Time series of a window: a file of CSV that grows by a row for each value of dE/dλ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = ("step", "time_fs", "dE_dlambda_eV", "energy_eV", "temperature_K")
HEADING = ",".join(COLUMNS) + "\n"


@attrs.frozen(eq=False)
class Series:
    """What a window gave after its equilibration: dE/dλ and energy, eV, and temperature, K, arrays [samples]."""

    slope: np.ndarray
    energy: np.ndarray
    temperature: np.ndarray


def name_of(window: int, windows: int) -> str:
    """Name of the file of a window."""
    return f"window-{window:0{max(2, len(str(windows - 1)))}d}.csv"


def row(step: int, timestep: float, slope: float, energy: float, temperature: float) -> str:
    """Return a line; steps count from the end of the equilibration, whose own are 0 and below."""
    return f"{step},{step * timestep!r},{slope!r},{energy!r},{temperature!r}\n"


def read_series(path: Path) -> Series:
    """Read what counts of a window, the steps above 0."""
    table = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)
    table = table[table[:, 0] > 0]
    return Series(*table[:, 2:].T)
