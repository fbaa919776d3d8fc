"""ElasticResult: what the command found, in the units that tables and files show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from alchemi_derivatives.elastic_moduli import ElasticModuli, IsotropicModuli

if TYPE_CHECKING:
    from ase import Atoms
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

FORCE, STRESS = 0.01, 0.1
"""Forces in eV/Å and stress in GPa beyond which a structure is not at rest."""


@attrs.frozen(eq=False, kw_only=True)
class ElasticResult:
    """Elastic constants of one crystal.

    Parameters
    ----------
    atoms : ase.Atoms
        The crystal.
    method : str
        How second derivatives were taken.
    clamped : array [6, 6], GPa
        Ions moving with the cell.
    relaxed : array [6, 6], GPa, or None
        Ions at rest; None where that was not asked.
    max_force : float, eV/Å
        Largest force on an atom.
    stress : array [3, 3], GPa
        Of the crystal as it is.
    """

    atoms: Atoms
    method: str
    clamped: Array
    relaxed: Array | None
    max_force: float
    stress: Array

    @property
    def constants(self) -> Array:
        """Those of relaxed ions, where they are known."""
        return self.clamped if self.relaxed is None else self.relaxed

    @property
    def moduli(self) -> ElasticModuli:
        """What follows from these."""
        return ElasticModuli.of(self.constants)

    @property
    def max_stress(self) -> float:
        """Largest component by size, GPa."""
        return float(np.abs(self.stress).max())

    @property
    def at_rest(self) -> bool:
        """Whether forces and stress are small."""
        return self.max_force <= FORCE and self.max_stress <= STRESS

    def summary(self) -> dict[str, Any]:
        """Return everything in a form that JSON can hold; what an unstable crystal does not have is null."""
        moduli = self.moduli
        averages = {"voigt": moduli.voigt, "reuss": moduli.reuss, "hill": moduli.hill}
        return {
            "order": ["xx", "yy", "zz", "yz", "xz", "xy"],
            "elastic_tensor_GPa": None if self.relaxed is None else self.relaxed.tolist(),
            "clamped_elastic_tensor_GPa": self.clamped.tolist(),
            "moduli_of": "clamped ions" if self.relaxed is None else "relaxed ions",
            "moduli": {name: _described(values) for name, values in averages.items()},
            "universal_anisotropy": _number(moduli.anisotropy),
            "eigenvalues_GPa": moduli.eigenvalues.tolist(),
            "stable": moduli.stable,
            "max_force_eV_per_A": self.max_force,
            "stress_GPa": self.stress.tolist(),
            "at_rest": self.at_rest,
            "cell_A": self.atoms.cell.array.tolist(),
        }


def _described(moduli: IsotropicModuli) -> dict[str, float | None]:
    return {
        "bulk_GPa": _number(moduli.bulk),
        "shear_GPa": _number(moduli.shear),
        "young_GPa": _number(moduli.young),
        "poisson": _number(moduli.poisson),
    }


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
