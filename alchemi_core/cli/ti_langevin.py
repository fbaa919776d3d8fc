"""Langevin dynamics of several copies of a structure at once, the copies independent of each other.

The splitting BAOAB of B. Leimkuhler and C. Matthews, J. Chem. Phys. 138, 174102 (2013), doi:10.1063/1.4802990: averages
over positions are exact for harmonic energies at any stable time step, and good to fourth order in it where friction is
high.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import attrs
import numpy as np
from ase import units

if TYPE_CHECKING:
    from collections.abc import Sequence


class Evaluated(Protocol):
    """What the dynamics needs of `CoupledCopies`."""

    def forces(self, positions: np.ndarray) -> np.ndarray:
        """Return forces [W, n, 3]."""

    def sample(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return forces, energies and dE/dλ."""


@attrs.frozen(eq=False)
class Sample:
    """What is kept of a step: dE/dλ and energy, eV, and kinetic temperature, K, of each copy, arrays [W]."""

    slope: np.ndarray
    energy: np.ndarray
    temperature: np.ndarray


@attrs.frozen(kw_only=True)
class Bath:
    """Temperature in K, time step in fs, friction in 1/fs, and whether the centre of mass is held."""

    temperature: float
    timestep: float
    friction: float
    fix_com: bool = False


class Langevin:
    """The copies in motion.

    Parameters
    ----------
    evaluated : CoupledCopies
        What gives the forces.
    masses : array [n], u
        Of one copy.
    free : sequence of int
        Atoms that move.
    bath : Bath
        What they are coupled to.
    positions : array [W, n, 3], Å
        Where they start.
    generators : sequence of numpy.random.Generator
        One for each copy, so that what else runs changes no copy's numbers.
    momenta : array [W, n, 3], optional
        By default drawn of the Maxwell-Boltzmann distribution.
    """

    def __init__(
        self,
        evaluated: Evaluated,
        masses: np.ndarray,
        free: Sequence[int],
        bath: Bath,
        positions: np.ndarray,
        generators: Sequence[np.random.Generator],
        momenta: np.ndarray | None = None,
    ) -> None:
        self._evaluated, self._bath, self._generators = evaluated, bath, generators
        self._masses = masses[:, None]
        self._moves = np.isin(np.arange(len(masses)), list(free))[:, None]
        self.positions = positions.copy()
        self._widths = np.sqrt(self._masses * units.kB * bath.temperature)
        self.momenta = self._drawn() if momenta is None else momenta.copy()
        self._forces = self._allowed(evaluated.forces(self.positions))

    @property
    def freedom(self) -> int:
        """Degrees of freedom of a copy."""
        return 3 * (int(self._moves.sum()) - int(self._bath.fix_com))

    def step(self, *, sampled: bool = False) -> Sample | None:
        """Take a step; return its figures where they are asked for."""
        dt = self._bath.timestep * units.fs
        self.momenta += 0.5 * dt * self._forces
        self.positions += 0.5 * dt * self.momenta / self._masses
        kept = np.exp(-self._bath.friction * self._bath.timestep)
        self.momenta = kept * self.momenta + np.sqrt(1.0 - kept**2) * self._drawn()
        self.positions += 0.5 * dt * self.momenta / self._masses
        sample = self._evaluate(sampled=sampled)
        self.momenta += 0.5 * dt * self._forces
        return None if sample is None else Sample(*sample, self._temperature())

    def state(self) -> dict[str, Any]:
        """Return all that the next step depends on."""
        states = [one.bit_generator.state for one in self._generators]
        return {"positions": self.positions, "momenta": self.momenta, "rng": states}

    def _evaluate(self, *, sampled: bool) -> tuple[np.ndarray, np.ndarray] | None:
        if not sampled:
            self._forces = self._allowed(self._evaluated.forces(self.positions))
            return None
        forces, energy, slope = self._evaluated.sample(self.positions)
        self._forces = self._allowed(forces)
        return slope, energy

    def _temperature(self) -> np.ndarray:
        twice = (self.momenta**2 / self._masses).sum((1, 2))
        return np.asarray(twice / (self.freedom * units.kB))

    def _drawn(self) -> np.ndarray:
        shape = (len(self._masses), 3)
        return self._allowed(np.stack([self._widths * one.standard_normal(shape) for one in self._generators]))

    def _allowed(self, pushes: np.ndarray) -> np.ndarray:
        """Take away from forces or momenta what would move held atoms, or a held centre of mass."""
        pushes = np.where(self._moves, pushes, 0.0)
        if self._bath.fix_com:
            pushes -= self._masses / self._masses.sum() * pushes.sum(1, keepdims=True)
        return pushes
