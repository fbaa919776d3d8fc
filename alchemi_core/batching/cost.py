"""Cost: what a structure is estimated to take, from its atoms and the cutoffs of a plan, without finding a pair."""

from __future__ import annotations

from math import nan, pi
from typing import TYPE_CHECKING

import attrs
import numpy as np

from alchemi_core.neighbors.config import NeighborListFormat

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from ase import Atoms

    from alchemi_core.planning.plan import ExecutionPlan

ROOM = 2.5
"""Å that an atom takes beyond its center, for densities of molecules and slabs."""


@attrs.frozen
class Cost:
    """Estimated size of a structure, or of several.

    Parameters
    ----------
    atoms : float
        Number of atoms.
    pairs : float
        Pairs within the cutoffs of all lists together, each counted from both sides.
    systems : float
        Number of structures.
    """

    atoms: float = 0.0
    pairs: float = 0.0
    systems: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.atoms + other.atoms, self.pairs + other.pairs, self.systems + other.systems)

    @property
    def density(self) -> float:
        """Neighbors of an atom."""
        return self.pairs / self.atoms if self.atoms else 0.0


@attrs.frozen
class Estimator:
    """Estimates costs for the lists of a plan.

    Parameters
    ----------
    cutoffs : tuple of float, Å
        Of all lists.
    padded : bool
        Whether some list is a matrix, as wide as the atom with most neighbors makes it.
    """

    cutoffs: tuple[float, ...]
    padded: bool

    @classmethod
    def of(cls, plan: ExecutionPlan) -> Self:
        """Make the estimator of a plan."""
        configs = [planned.config for planned in plan.lists]
        padded = any(config.format is NeighborListFormat.MATRIX for config in configs)
        return cls(tuple(config.cutoff for config in configs), padded)

    def cost(self, atoms: Atoms) -> Cost:
        """Return what a structure takes; NaN pairs where its positions or cell are not finite."""
        count = len(atoms)
        if not (np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell.array).all()):
            return Cost(count, nan, 1.0)
        if not count or not self.cutoffs:
            return Cost(count, 0.0, 1.0)
        density, lengths = _density(atoms)
        neighbors = sum(density * _reached(cutoff, lengths) for cutoff in self.cutoffs)
        if len(lengths) == 3:
            neighbors = min(neighbors, (count - 1.0) * len(self.cutoffs))
        return Cost(count, count * neighbors, 1.0)


def _density(atoms: Atoms) -> tuple[float, list[float]]:
    """Return atoms per Å³ where there are atoms, and how far they extend along directions that are not periodic, Å."""
    spread: list[float] = (np.ptp(atoms.positions, axis=0) + ROOM).tolist()
    box = spread[0] * spread[1] * spread[2]
    if not atoms.pbc.any():
        return len(atoms) / box, sorted(spread)
    cell = atoms.cell.array
    if atoms.pbc.all():
        # A vacuum within the cell holds no pairs: what counts is the space that the atoms take.
        return len(atoms) / max(min(abs(_determinant(cell.tolist())), box), 1e-9), []
    return _density_of_sheet(atoms, cell[atoms.pbc])


def _density_of_sheet(atoms: Atoms, periodic: np.ndarray) -> tuple[float, list[float]]:
    """The same for one or two periodic vectors: the others are replaced by normals, as long as the atoms extend."""
    normals = np.linalg.svd(periodic)[2][len(periodic) :]
    lengths = sorted((np.ptp(atoms.positions @ normals.T, axis=0) + ROOM).tolist())
    measure = float(np.sqrt(max(np.linalg.det(periodic @ periodic.T), 0.0)))
    return len(atoms) / max(measure * float(np.prod(lengths)), 1e-9), lengths


def _reached(cutoff: float, lengths: Sequence[float]) -> float:
    """Return how much of a sphere about an atom lies within what has these lengths along open directions, Å³."""
    volume = 4.0 / 3.0 * pi * cutoff**3
    if len(lengths) >= 1:
        volume = min(volume, pi * cutoff**2 * lengths[0])
    if len(lengths) >= 2:
        volume = min(volume, 2.0 * cutoff * lengths[0] * lengths[1])
    if len(lengths) == 3:
        volume = min(volume, lengths[0] * lengths[1] * lengths[2])
    return volume


def _determinant(rows: Sequence[Sequence[float]]) -> float:
    (a, b, c), (d, e, f), (g, h, i) = rows
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
