"""The log of a run: one row of figures per frame, as CSV."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import attrs
import numpy as np

from alchemi_core.cli.ensembles import conserved_energy, temperature_of
from alchemi_core.quantities import EV_PER_CUBIC_ANGSTROM_IN_GPA

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from alchemi_core.cli.ensembles import Integrator
    from alchemi_core.cli.snapshot import Snapshot

NAME = "log.csv"


@attrs.frozen(kw_only=True)
class LogRow:
    """Figures of one frame; None where the ensemble has no such thing.

    Parameters
    ----------
    step : int
        Steps done.
    time_fs : float
        Simulated time.
    potential_eV, kinetic_eV, total_eV, conserved_eV : float
        Energies; the last is what exact integration would conserve.
    temperature_K : float
        From the kinetic energy and all degrees of freedom that are not held fixed.
    volume_A3, pressure_GPa : float
        Of the cell; the pressure with the motion of atoms.
    """

    step: int
    time_fs: float
    potential_eV: float  # noqa: N815 - the names of the columns carry units
    kinetic_eV: float  # noqa: N815
    total_eV: float  # noqa: N815
    conserved_eV: float | None  # noqa: N815
    temperature_K: float  # noqa: N815
    volume_A3: float | None  # noqa: N815
    pressure_GPa: float | None  # noqa: N815

    @classmethod
    def of(cls, snapshot: Snapshot, dynamics: Integrator, timestep: float) -> LogRow:
        """Take the figures of a frame; `timestep` in fs."""
        atoms = dynamics.atoms
        kinetic = float(atoms.get_kinetic_energy())
        total = snapshot.energy + kinetic
        pressure = None
        if snapshot.stress is not None:
            stress = atoms.get_stress(include_ideal_gas=True)
            pressure = -float(stress[:3].mean()) * EV_PER_CUBIC_ANGSTROM_IN_GPA
        return cls(
            step=snapshot.step,
            time_fs=snapshot.step * timestep,
            potential_eV=snapshot.energy,
            kinetic_eV=kinetic,
            total_eV=total,
            conserved_eV=conserved_energy(dynamics, total),
            temperature_K=temperature_of(atoms),
            volume_A3=snapshot.volume,
            pressure_GPa=pressure,
        )

    def figures(self, watched: Mapping[str, float | None], terms: Mapping[str, float]) -> dict[str, float | None]:
        """Return the columns of the log: figures, what a condition watches, and energies per term."""
        return {**attrs.asdict(self), **watched, **{f"energy_{label}_eV": energy for label, energy in terms.items()}}


def line(cells: Iterable[str | float | None]) -> str:
    """Return a line of CSV; nothing stands where a figure is missing."""
    text = io.StringIO()
    written = ["" if cell is None else cell if isinstance(cell, str) else repr(cell) for cell in cells]
    csv.writer(text, lineterminator="\n").writerow(written)
    return text.getvalue()


def read_columns(path: Path) -> tuple[str, ...]:
    """Return the names of the columns of a log that was begun."""
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(next(csv.reader(file), ()))


def read_log(path: Path) -> dict[str, np.ndarray]:
    """Read a log back as columns; what an ensemble does not have is left out."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    columns = {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}
    return {name: np.array(cells, dtype=float) for name, cells in columns.items() if all(cells)}
