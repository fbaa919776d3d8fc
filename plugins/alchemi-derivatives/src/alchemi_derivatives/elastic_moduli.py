"""Moduli of polycrystals, stability and direction dependence from the elastic constants of a crystal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

MARGINAL = 1e-6
"""Eigenvalues below this share of the largest are rounding, not stiffness."""


@attrs.frozen
class IsotropicModuli:
    """Moduli of a material without direction; two of them determine the others.

    Parameters
    ----------
    bulk : float, GPa
        K.
    shear : float, GPa
        G.
    """

    bulk: float
    shear: float

    @property
    def young(self) -> float:
        """Young's modulus E = 9 K G / (3 K + G), GPa."""
        return 9.0 * self.bulk * self.shear / (3.0 * self.bulk + self.shear)

    @property
    def poisson(self) -> float:
        """Poisson's ratio ν = (3 K − 2 G) / (6 K + 2 G)."""
        return (3.0 * self.bulk - 2.0 * self.shear) / (6.0 * self.bulk + 2.0 * self.shear)


@attrs.frozen(eq=False)
class ElasticModuli:
    """What follows from elastic constants of a crystal at rest, free of stress.

    Averages over orientations of grains: equal strain (W. Voigt, Lehrbuch der Kristallphysik, Teubner 1928), equal
    stress (A. Reuss, Z. Angew. Math. Mech. 9, 49 (1929), doi:10.1002/zamm.19290090104), which are bounds, and their
    mean (R. Hill, Proc. Phys. Soc. A 65, 349 (1952), doi:10.1088/0370-1298/65/5/307).

    Parameters
    ----------
    constants : array [6, 6], GPa
        C in Voigt notation, order xx yy zz yz xz xy, symmetric.
    """

    constants: Array

    @classmethod
    def of(cls, constants: ArrayLike) -> ElasticModuli:
        """Take them from anything that numpy makes an array of."""
        array = np.asarray(constants, dtype=np.float64)
        return cls(0.5 * (array + array.T))

    @property
    def eigenvalues(self) -> Array:
        """Of C, GPa, ascending."""
        return np.asarray(np.linalg.eigvalsh(self.constants), dtype=np.float64)

    @property
    def stable(self) -> bool:
        """Whether all eigenvalues are positive, which is what Born's criteria come to.

        F. Mouhat and F.-X. Coudert, Phys. Rev. B 90, 224104 (2014), doi:10.1103/PhysRevB.90.224104.
        """
        values = self.eigenvalues
        return bool(values[0] > MARGINAL * abs(values[-1]))

    @property
    def compliance(self) -> Array:
        """S = C⁻¹, 1/GPa; NaN where the crystal is not stable."""
        if not self.stable:
            return np.full((6, 6), np.nan)
        return np.asarray(np.linalg.inv(self.constants), dtype=np.float64)

    @property
    def voigt(self) -> IsotropicModuli:
        """Upper bounds."""
        axial, across, shear = _sums(self.constants)
        return IsotropicModuli((axial + 2.0 * across) / 9.0, (axial - across + 3.0 * shear) / 15.0)

    @property
    def reuss(self) -> IsotropicModuli:
        """Lower bounds; NaN where the crystal is not stable."""
        axial, across, shear = _sums(self.compliance)
        return IsotropicModuli(1.0 / (axial + 2.0 * across), 15.0 / (4.0 * axial - 4.0 * across + 3.0 * shear))

    @property
    def hill(self) -> IsotropicModuli:
        """Mean of both bounds."""
        upper, lower = self.voigt, self.reuss
        return IsotropicModuli(0.5 * (upper.bulk + lower.bulk), 0.5 * (upper.shear + lower.shear))

    @property
    def anisotropy(self) -> float:
        """Universal index 5 G_V/G_R + K_V/K_R − 6, zero for an isotropic crystal.

        S. I. Ranganathan and M. Ostoja-Starzewski, Phys. Rev. Lett. 101, 055504 (2008),
        doi:10.1103/PhysRevLett.101.055504.
        """
        upper, lower = self.voigt, self.reuss
        return 5.0 * upper.shear / lower.shear + upper.bulk / lower.bulk - 6.0

    def young_along(self, directions: ArrayLike) -> Array:
        """Return Young's modulus along unit vectors, 1 / (S_ijkl n_i n_j n_k n_l).

        Parameters
        ----------
        directions : array [..., 3]
            n, of length one.

        Returns
        -------
        array [...], GPa
            NaN where the crystal is not stable.
        """
        x, y, z = np.moveaxis(np.asarray(directions, dtype=np.float64), -1, 0)
        pairs = np.stack([x * x, y * y, z * z, y * z, x * z, x * y], axis=-1)
        along: Array = 1.0 / np.einsum("...i,ij,...j->...", pairs, self.compliance, pairs)
        return along


def _sums(matrix: Array) -> tuple[float, float, float]:
    """Return 11 + 22 + 33, 12 + 13 + 23 and 44 + 55 + 66."""
    diagonal = np.diag(matrix)
    return float(diagonal[:3].sum()), float(matrix[0, 1] + matrix[0, 2] + matrix[1, 2]), float(diagonal[3:].sum())
