"""Coulomb sums in numpy, slow and obvious: what the models of this plugin are compared with.

Everything is in Gaussian units with charges in e and lengths in Å: energies in e²/Å, to be multiplied by the Coulomb
constant. Each sum is carried to rounding; its splitting parameter changes nothing and can be chosen, which is how the
sums are checked against themselves.

*3D*: conducting boundary; a charged cell is neutralised by an even background (P. P. Ewald, Ann. Phys. 369, 253 (1921),
doi:10.1002/andp.19213690304; background: Hub et al., J. Chem. Theory Comput. 10, 381 (2014), doi:10.1021/ct400626b).

*2D*: D. E. Parry, Surf. Sci. 49, 433 (1975), doi:10.1016/0039-6028(75)90362-3, erratum 54, 195 (1976); D. M. Heyes, M.
Barber, J. H. R. Clarke, J. Chem. Soc. Faraday Trans. 2 73, 1485 (1977), doi:10.1039/F29777301485; S. W. de Leeuw and
J. W. Perram, Mol. Phys. 37, 1313 (1979), doi:10.1080/00268977900100951. A charged slab has no background: a sheet with
the charge density σ has the potential −2πσ|z|, zero at the sheet. This is the convention of equation 29 of V.
Ballenegger, A. Arnold, J. J. Cerdà, J. Chem. Phys. 131, 094107 (2009), doi:10.1063/1.3216473.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import erf, erfc, erfcx

Array = np.ndarray
TAIL = 6.5
"""Sums end where erfc(x) and exp(−x²) do: erfc(6.5) is 4e-20."""


class Sums(NamedTuple):
    """Energy in e²/Å, forces −dE/dr in e²/Å², and dE/dε in e²/Å for a symmetric strain ε of everything."""

    energy: float
    forces: Array
    strain: Array


def direct(positions: Array, charges: Array) -> Sums:
    """Sum over the pairs of a molecule."""
    vectors = positions[None] - positions[:, None]
    distances = np.linalg.norm(vectors, axis=2)
    np.fill_diagonal(distances, np.inf)
    products = charges[:, None] * charges
    pulls = -(products / distances**3)[..., None] * vectors
    return Sums(0.5 * (products / distances).sum(), pulls.sum(axis=1), 0.5 * np.einsum("ijx,ijy->xy", pulls, vectors))


def ewald_3d(positions: Array, charges: Array, cell: Array, splitting: float | None = None) -> Sums:
    """Sum over a crystal.

    Parameters
    ----------
    positions : array [N, 3], Å
        Anywhere, inside the cell or not.
    charges : array [N], e
        Of any sum.
    cell : array [3, 3], Å
        Lattice vectors as rows, of any handedness and skew.
    splitting : float, 1/Å, optional
        Width of the split between the two spaces.
    """
    volume = abs(np.linalg.det(cell))
    alpha = math.sqrt(math.pi) / volume ** (1.0 / 3.0) if splitting is None else splitting
    near = _real_space(positions, charges, cell, alpha)
    far = _reciprocal_space(positions, charges, cell, alpha)
    flat = -math.pi * charges.sum() ** 2 / (2.0 * volume * alpha**2)
    own = -alpha / math.sqrt(math.pi) * (charges**2).sum()
    return Sums(
        near.energy + far.energy + flat + own,
        near.forces + far.forces,
        near.strain + far.strain - flat * np.eye(3),
    )


def _real_space(positions: Array, charges: Array, cell: Array, alpha: float) -> Sums:
    """½ Σ q_i q_j erfc(αr)/r over all pairs and images closer than where it ends; lattice rows may be two or three."""
    energy, forces, strain = 0.0, np.zeros_like(positions), np.zeros((3, 3))
    vectors = positions[None] - positions[:, None]
    spread = np.linalg.norm(vectors, axis=2).max()
    for i, j in np.ndindex(len(charges), len(charges)):
        images = vectors[i, j] + _integers(cell, TAIL / alpha + spread) @ cell
        distances = np.linalg.norm(images, axis=1)
        images, distances = images[distances > 0.0], distances[distances > 0.0]
        pairs = charges[i] * charges[j] * erfc(alpha * distances) / distances
        gauss = 2.0 * alpha / math.sqrt(math.pi) * charges[i] * charges[j] * np.exp(-((alpha * distances) ** 2))
        pulls = -((pairs + gauss) / distances**2)[:, None] * images
        energy += 0.5 * pairs.sum()
        forces[i] += pulls.sum(axis=0)
        strain += 0.5 * pulls.T @ images
    return Sums(energy, forces, strain)


def _integers(cell: Array, reach: float) -> Array:
    """Integers n of all lattice points n @ cell no further than `reach` from the origin."""
    heights = 1.0 / np.linalg.norm(np.linalg.pinv(cell), axis=0)
    ranges = [np.arange(-int(reach / height) - 1, int(reach / height) + 2) for height in heights]
    integers = np.stack(np.meshgrid(*ranges), axis=-1).reshape(-1, len(cell))
    return integers[np.linalg.norm(integers @ cell, axis=1) <= reach]


def _reciprocal_space(positions: Array, charges: Array, cell: Array, alpha: float) -> Sums:
    """(2π/V) Σ exp(−k²/4α²)/k² |Σ_j q_j exp(ik·r_j)|² over k ≠ 0."""
    dual = 2.0 * math.pi * np.linalg.inv(cell).T
    waves = _waves(dual, 2.0 * alpha * TAIL)
    squares = (waves**2).sum(axis=1)
    weights = 2.0 * math.pi / abs(np.linalg.det(cell)) * np.exp(-squares / (4.0 * alpha**2)) / squares
    phases = np.exp(1j * waves @ positions.T)
    structure = phases @ charges
    terms = weights * np.abs(structure) ** 2
    slopes = 2.0 * (weights[:, None] * (phases * structure.conj()[:, None]).imag * charges).T @ waves
    tensors = 2.0 * (1.0 / squares + 1.0 / (4.0 * alpha**2)) * terms
    strain = np.einsum("k,kx,ky->xy", tensors, waves, waves) - terms.sum() * np.eye(3)
    return Sums(terms.sum(), slopes, strain)


def _waves(dual: Array, reach: float) -> Array:
    """Reciprocal vectors no longer than `reach`, without the zero."""
    integers = _integers(dual, reach)
    return integers[integers.any(axis=1)] @ dual


def ewald_2d(positions: Array, charges: Array, cell: Array, axis: int, splitting: float | None = None) -> Sums:
    """Sum over a slab that repeats along two of its lattice vectors; the third is not looked at.

    Parameters
    ----------
    positions, charges, cell
        As for `ewald_3d`.
    axis : int
        Row of the cell along which nothing repeats.
    splitting : float, 1/Å, optional
        Width of the split.
    """
    plane = np.delete(cell, axis, axis=0)
    normal = np.cross(*plane)
    alpha = math.sqrt(math.pi / np.linalg.norm(normal)) if splitting is None else splitting
    near = _real_space(positions, charges, plane, alpha)
    far = _plane_space(positions, charges, plane, alpha)
    own = -alpha / math.sqrt(math.pi) * (charges**2).sum()
    # a strain that tilts the plane is a rotation, and a shear of the heights against it
    normal = normal / np.linalg.norm(normal)
    tilts = -np.outer(normal, (positions @ normal) @ far.forces)
    tilts = tilts + tilts.T - normal @ tilts @ normal * np.outer(normal, normal)
    return Sums(near.energy + far.energy + own, near.forces + far.forces, near.strain + far.strain + tilts)


def _plane_space(positions: Array, charges: Array, plane: Array, alpha: float) -> Sums:
    """Waves in the plane, the one of length zero among them; of the strain the part within the plane."""
    area, normal = np.linalg.norm(np.cross(*plane)), np.cross(*plane)
    normal = normal / area
    vectors, products = positions[None] - positions[:, None], charges[:, None] * charges
    heights = vectors @ normal  # z_j − z_i
    sheets = np.exp(-((alpha * heights) ** 2)) / alpha + math.sqrt(math.pi) * heights * erf(alpha * heights)
    energy = -math.sqrt(math.pi) / area * (products * sheets).sum()
    forces = -2.0 * math.pi / area * (products * erf(alpha * heights)).sum(axis=1)[:, None] * normal
    flat = np.eye(3) - np.outer(normal, normal)
    strain = -energy * flat
    dual = 2.0 * math.pi * np.linalg.inv(np.vstack([plane, normal])).T[:2]
    for wave in _waves(dual, 2.0 * alpha * TAIL):
        k = np.linalg.norm(wave)
        pairs = math.pi / (2.0 * area) * products
        cosines, sines = pairs * np.cos(vectors @ wave), pairs * np.sin(vectors @ wave)
        even, odd, slope = _plane_wave(k, heights, alpha)
        energy += (cosines * even).sum()
        forces -= 2.0 * (sines * even).sum(axis=1)[:, None] * wave - 2.0 * (cosines * odd).sum(axis=1)[:, None] * normal
        strain -= (cosines * even).sum() * flat + (cosines * slope).sum() * np.outer(wave, wave) / k
    return Sums(energy, forces, strain)


def _plane_wave(k: float, z: Array, alpha: float) -> tuple[Array, Array, Array]:
    """Return g/k, (dg/dz)/k and d(g/k)/dk of g(k, z) = e^{kz} erfc(k/2α + αz) + e^{−kz} erfc(k/2α − αz)."""
    up, down = _exp_erfc(k, z, alpha), _exp_erfc(k, -z, alpha)
    gauss = 2.0 / (alpha * math.sqrt(math.pi)) * np.exp(-(k**2) / (4.0 * alpha**2) - (alpha * z) ** 2)
    # in dg/dz the Gaussians of the two derivatives of erfc cancel
    return (up + down) / k, up - down, (z * (up - down) - gauss) / k - (up + down) / k**2


def _exp_erfc(k: float, z: Array, alpha: float) -> Array:
    """e^{kz} erfc(k/2α + αz), without overflow."""
    argument = k / (2.0 * alpha) + alpha * z
    scaled = np.exp(-(k**2) / (4.0 * alpha**2) - (alpha * z) ** 2) * erfcx(np.maximum(argument, 0.0))
    return np.where(argument > 0.0, scaled, np.exp(np.minimum(k * z, 0.0)) * erfc(np.minimum(argument, 0.0)))


def strain_by_differences(
    energy: Callable[[Array, Array], float], positions: Array, lattice: Array, step: float = 1e-3
) -> Array:
    """Return dE/dε for a symmetric strain of positions and lattice, extrapolated to fourth order (Richardson)."""
    gradient = np.zeros((3, 3))
    for a, b in itertools.combinations_with_replacement(range(3), 2):
        slopes = []
        for size in (step, 2.0 * step):
            strain = np.zeros((3, 3))
            strain[a, b] += 0.5 * size
            strain[b, a] += 0.5 * size
            ends = [energy(positions @ (np.eye(3) + s * strain), lattice @ (np.eye(3) + s * strain)) for s in (1, -1)]
            slopes.append((ends[0] - ends[1]) / (2.0 * size))
        gradient[a, b] = gradient[b, a] = (4.0 * slopes[0] - slopes[1]) / 3.0
    return gradient
