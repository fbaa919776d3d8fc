"""What each step of a pipeline adds to energy, forces and stress of a structure, as figures for tables and files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from alchemi_core.cli.tables import Column, show_table
from alchemi_core.quantities import EV_PER_CUBIC_ANGSTROM_IN_GPA

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alchemi_core.cli.snapshot import Snapshot

TOTAL = "total"
COLUMNS = (
    Column("structure"),
    Column("step"),
    *(
        Column(title, number=True)
        for title in ("energy eV", "eV/atom", "max force eV/Å", "rms force eV/Å", "pressure GPa")
    ),
)


@attrs.frozen(eq=False)
class Share:
    """What one step adds to the outputs of one structure; None where it adds nothing.

    Parameters
    ----------
    label : str
        Printed name of the step, or ``total``.
    atoms : int
        How many the structure has.
    energy : float, eV, or None
        Weighted.
    forces : array [n, 3], eV/Å, or None
        On all atoms, those that are held fixed included.
    stress : array [6], eV/Å³, or None
        In ASE's order.
    """

    label: str
    atoms: int
    energy: float | None
    forces: np.ndarray | None
    stress: np.ndarray | None

    @property
    def energy_per_atom(self) -> float | None:
        """Energy, eV/atom."""
        return None if self.energy is None else self.energy / self.atoms

    @property
    def max_force(self) -> float | None:
        """Length of the longest force, eV/Å."""
        return None if self.forces is None else float(np.linalg.norm(self.forces, axis=1).max())

    @property
    def rms_force(self) -> float | None:
        """Root of the mean square length of the forces, eV/Å."""
        return None if self.forces is None else float(np.sqrt((self.forces**2).sum(1).mean()))

    @property
    def pressure(self) -> float | None:
        """Minus a third of the trace of the stress, GPa."""
        return None if self.stress is None else -float(self.stress[:3].mean()) * EV_PER_CUBIC_ANGSTROM_IN_GPA

    def cells(self) -> list[str]:
        """Return the figures as texts, a dash where there is none."""
        values = (self.energy, self.energy_per_atom, self.max_force, self.rms_force, self.pressure)
        forms = (".6f", ".6f", ".6f", ".6f", ".4f")
        return ["–" if value is None else format(value, form) for value, form in zip(values, forms, strict=True)]

    def summary(self) -> dict[str, Any]:
        """Return the figures in a form that JSON can hold."""
        stress = None if self.stress is None else self.stress * EV_PER_CUBIC_ANGSTROM_IN_GPA
        return {
            "step": self.label,
            "energy_eV": self.energy,
            "energy_eV_per_atom": self.energy_per_atom,
            "max_force_eV_per_A": self.max_force,
            "rms_force_eV_per_A": self.rms_force,
            "pressure_GPa": self.pressure,
            "stress_GPa": None if stress is None else stress.tolist(),
        }


def shares_of(snapshot: Snapshot) -> tuple[Share, ...]:
    """Return what each step added, in the order of the steps, and the total as the last."""
    parts, atoms = snapshot.contributions, len(snapshot.atoms)
    energies, forces, stresses = (parts.get(name, {}) for name in ("energy", "forces", "stress"))
    labels = dict.fromkeys(label for of in (energies, forces, stresses) for label in of)
    shares = [Share(one, atoms, energies.get(one), forces.get(one), stresses.get(one)) for one in labels]
    total = Share(TOTAL, atoms, snapshot.energy, snapshot.atoms.calc.results["forces"], snapshot.stress)
    return (*shares, total)


def show_shares(labels: Sequence[str], shares: Sequence[Sequence[Share]]) -> None:
    """Print what each step adds, structure by structure, each ending with the total."""
    rows = [[name, one.label, *one.cells()] for name, of in zip(labels, shares, strict=True) for one in of]
    show_table("", COLUMNS, rows)
