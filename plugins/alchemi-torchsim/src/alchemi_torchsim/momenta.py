"""Momenta to begin with, and the degrees of freedom that share their energy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ase import units

if TYPE_CHECKING:
    from ase import Atoms

    from alchemi_torchsim.settings import Settings


AT_REST = 1e-6
"""Share of the kinetic energy under which the motion of the centre of mass is rounding, in float32 too."""


def first_momenta(atoms: Atoms, free: np.ndarray, settings: Settings, index: int) -> np.ndarray:
    """Return the momenta of a structure, or such as are drawn for it: ndarray [n, 3], √(u eV), as in ASE and TorchSim.

    Parameters
    ----------
    atoms : ase.Atoms
        The structure.
    free : ndarray [n, 3], bool
        Coordinates that may move.
    settings : Settings
        Temperature and seed.
    index : int
        Place of the structure: each draws for itself.
    """
    if "momenta" in atoms.arrays:
        return np.where(free, atoms.get_momenta(), 0.0)
    random = np.random.default_rng(None if settings.seed is None else (settings.seed, index))
    masses = atoms.get_masses()[:, None]
    drawn = random.normal(size=(len(atoms), 3)) * np.sqrt(masses * units.kB * settings.temperature)
    if _is_free(atoms, free):
        drawn -= masses * drawn.sum(0) / masses.sum()
    return np.where(free, drawn, 0.0)


def degrees_of_freedom(atoms: Atoms, free: np.ndarray, settings: Settings) -> int:
    """Return how many take part: not those of held atoms, nor the centre of mass where it stays at rest."""
    rests = settings.ensemble == "nve" and _is_free(atoms, free) and _begins_at_rest(atoms)
    return max(int(free.sum()) - 3 * rests, 1)


def _begins_at_rest(atoms: Atoms) -> bool:
    """Tell whether the centre of mass does not move at first: momenta that are drawn leave it where it is."""
    if "momenta" not in atoms.arrays:
        return True
    momenta, masses = atoms.get_momenta(), atoms.get_masses()
    of_the_centre = np.square(momenta.sum(0)).sum() / masses.sum()
    return bool(of_the_centre <= AT_REST * (np.square(momenta).sum(1) / masses).sum())


def _is_free(atoms: Atoms, free: np.ndarray) -> bool:
    return bool(free.all()) and len(atoms) > 1
