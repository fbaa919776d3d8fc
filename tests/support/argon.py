"""Solid argon: what the literature says of its free energy, and what lattice dynamics says of crystals of any size.

All in units of ε, σ and k, the thermal wavelength set to σ.
"""

from __future__ import annotations

import numpy as np

STATIC = (-14.45392093, 6.065940096)
CONSTANT, REVISED = -23.3450759, -23.3626352
POWERS = (69.833875, -132.86963, 97.438593, -25.848057)
ANHARMONIC = (
    (-8.2151768, 12.070686, -6.6594615, 1.3211582),
    (13.404069, -20.632066, 11.564825, -2.3064801),
    (-5.5481261, 8.8465978, -5.0258631, 1.0070066),
)
"""Coefficients of M. A. van der Hoef, J. Chem. Phys. 113, 8142 (2000).

The constant, which he took from a triple point, was revised for a better one by E. A. Mastny and J. J. de Pablo,
J. Chem. Phys. 127, 104504 (2007), doi:10.1063/1.2753149.
"""

PUBLISHED = REVISED - CONSTANT
"""By how much the two publications differ, which is how well either knows the free energy."""

FAR = 5.0


def published(temperature, density):
    """F/NkT of the infinite fcc crystal, full Lennard-Jones potential: van der Hoef's equation 21, plus ln ρ − 1."""
    static = sum(c * density ** (2 * n) for n, c in enumerate(STATIC, 1)) / temperature
    anharmonic = -sum(
        a * density**n * temperature ** (m - 1) / (m - 1)
        for n, row in enumerate(ANHARMONIC)
        for m, a in enumerate(row, 2)
    )
    powers = sum(b / n * density**n for n, b in enumerate(POWERS, 1))
    return REVISED + static - 1.5 * np.log(temperature) + anharmonic + powers + np.log(density) - 1.0


def finite_size(temperature, lattice, cells, cutoff):
    """What F/NkT of the infinite crystal has more than that of cells³ cubes and a cut potential, harmonically."""
    return harmonic(temperature, lattice) - _harmonic(temperature, lattice, cells, cutoff, shift=True)


def harmonic(temperature, lattice):
    """F/NkT of the infinite crystal with the full potential in the harmonic approximation.

    From crystals of two sizes, whose difference to the infinite one goes as ½ ln N/N + c/N (Polson et al.).
    """
    density = 4.0 / lattice**3
    beyond = STATIC[0] * density**2 + STATIC[1] * density**4 - _pairs(lattice, FAR, shift=False)[0]
    small, large = (
        _harmonic(temperature, lattice, cells, FAR, shift=False) + 0.5 * np.log(4 * cells**3) / (4 * cells**3)
        for cells in (4, 8)
    )
    return (8.0 * large - small) / 7.0 + beyond / temperature


def einstein_crystal(temperature, lattice, cells, spring):
    """F/NkT of atoms on springs whose centre of mass is held at one of the places that are alike, then set free.

    The centre of mass of N atoms on springs is found where it is held with density (N k/2πT)^(3/2), and in a
    periodic crystal it has V/N to move in, beyond which atoms have changed places: J. M. Polson et al., J. Chem. Phys.
    112, 5339 (2000), doi:10.1063/1.481102.
    """
    atoms = 4 * cells**3
    spread = 1.5 * (atoms - 1) * np.log(2.0 * np.pi * temperature / spring)
    return -(np.log(lattice**3 / 4.0) + spread + 1.5 * np.log(atoms)) / atoms


def _harmonic(temperature, lattice, cells, cutoff, *, shift):
    """F/NkT of a periodic crystal of 4 cells³ atoms in the harmonic approximation."""
    energy, places, constants = _pairs(lattice, cutoff, shift=shift)
    atoms = 4 * cells**3
    steps = np.arange(2 * cells) * 2.0 * np.pi / (cells * lattice)
    waves = np.array(np.meshgrid(steps, steps, steps)).reshape(3, -1).T
    matrices = ((1.0 - np.cos(waves @ places.T)) @ constants.reshape(-1, 9)).reshape(-1, 3, 3)
    moving = np.abs(matrices).max((1, 2)) > 1e-6 * np.abs(matrices).max()
    # the cube of wave vectors holds each of the crystal's twice
    logarithms = 0.5 * np.linalg.slogdet(matrices[moving])[1].sum() / 2.0
    free = 1.5 * (atoms - 1) * np.log(2.0 * np.pi * temperature)
    return energy / temperature + (logarithms - free - 1.5 * np.log(atoms) - np.log(lattice**3 / 4.0)) / atoms


def _pairs(lattice, cutoff, *, shift):
    """Energy per atom, neighbors [M, 3] of an atom, and the force constants [M, 3, 3] with each."""
    reach = int(np.ceil(2.0 * cutoff / lattice)) + 2
    steps = np.array(np.meshgrid(*[np.arange(-reach, reach + 1)] * 3)).reshape(3, -1).T
    places = steps @ (0.5 * lattice * (np.ones((3, 3)) - np.eye(3)))
    r = np.linalg.norm(places, axis=1)
    near = (r > 0.0) & (r < cutoff)
    places, r = places[near], r[near]
    energy = 4.0 * (r**-12 - r**-6) - (4.0 * (cutoff**-12 - cutoff**-6) if shift else 0.0)
    slope, curvature = 4.0 * (6.0 * r**-7 - 12.0 * r**-13) / r, 4.0 * (156.0 * r**-14 - 42.0 * r**-8)
    along = np.einsum("mi,mj->mij", places, places) / r[:, None, None] ** 2
    constants = (curvature - slope)[:, None, None] * along + slope[:, None, None] * np.eye(3)
    return 0.5 * energy.sum(), places, constants
