"""Tables of the phonons, as CSV."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from alchemi_core.atomic_write import write_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from alchemi_derivatives.phonon_spectrum import PhononSpectrum


def write_bands(path: Path, spectrum: PhononSpectrum) -> None:
    """Write q-points, how far along the path they are, and their frequencies."""
    bands = [f"band_{number + 1}_THz" for number in range(len(spectrum.gamma))]
    rows: list[list[str]] = []
    for line, frequencies in zip(spectrum.path.lines, spectrum.bands, strict=True):
        names = [line.start, *[""] * (len(line.distances) - 2), line.end]
        for name, q, distance, values in zip(names, line.qpoints, line.distances, frequencies, strict=True):
            rows.append([name, f"{distance:.8f}", *(f"{part:.8f}" for part in q), *(f"{one:.8f}" for one in values)])
    _write(path, ["point", "distance_per_A", "q_1", "q_2", "q_3", *bands], rows)


def write_density(path: Path, spectrum: PhononSpectrum) -> None:
    """Write the density of states."""
    rows = zip(spectrum.points, spectrum.density, strict=True)
    _write(path, ["frequency_THz", "states_per_THz"], ([f"{at:.8f}", f"{states:.8f}"] for at, states in rows))


def write_thermal(path: Path, spectrum: PhononSpectrum) -> None:
    """Write thermal properties by temperature."""
    columns = spectrum.temperatures, spectrum.free_energy, spectrum.entropy, spectrum.heat_capacity
    header = ["temperature_K", "free_energy_kJ_per_mol", "entropy_J_per_K_mol", "heat_capacity_J_per_K_mol"]
    _write(path, header, ([f"{value:.8g}" for value in row] for row in zip(*columns, strict=True)))


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, buffer.getvalue())
