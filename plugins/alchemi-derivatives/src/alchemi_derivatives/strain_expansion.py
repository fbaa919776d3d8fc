"""StrainExpansion: the energy to second order in strain and internal displacements, and elastic constants from it.

A geometry r → (r + u)(1 + ε), h → h(1 + ε) has the energy::

    E(u, ε) = E0 − f·u + τ:ε + ½ ε A ε + ε Λ u + ½ u H u + ...

Elastic constants are the second derivatives by the Lagrangian strain η = ε + ε²/2, at zero forces::

    V C_clamped = A − T,    ε T ε = τ : ε²
    V C_relaxed = V C_clamped − Λ H⁺ Λᵀ

(M. Born and K. Huang, Dynamical Theory of Crystal Lattices, Oxford 1954, chapter III; D. C. Wallace, Thermodynamics of
Crystals, Wiley 1972; X. Wu, D. Vanderbilt and D. R. Hamann, Phys. Rev. B 72, 035105 (2005),
doi:10.1103/PhysRevB.72.035105). H⁺ inverts the Hessian on displacements that do not move the crystal as a whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.derivatives.strain import volumes
from alchemi_core.errors import DataError
from alchemi_core.quantities import EV_PER_CUBIC_ANGSTROM_IN_GPA
from alchemi_derivatives.internal_strain import relaxation
from alchemi_derivatives.voigt import quadratic_term

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.batch import Batch


@attrs.frozen(eq=False)
class StrainExpansion:
    """Second derivatives of a batch's energies.

    Parameters
    ----------
    slope : Tensor [B, 3, 3], eV
        τ = dE/dε, symmetric.
    curvature : Tensor [B, 6, 6], eV
        A, in Voigt notation.
    coupling : Tensor [6, N, 3], eV/Å
        Λ; empty where nothing is relaxed.
    hessian : Tensor [R, N, 3], eV/Å²
        H: rows 3k, 3k + 1 and 3k + 2 belong to the k-th atom of every system, to x, y and z. Empty likewise.
    """

    slope: Tensor
    curvature: Tensor
    coupling: Tensor
    hessian: Tensor

    def clamped(self, data: Batch) -> Tensor:
        """Return constants of ions that move with the cell: Tensor [B, 6, 6], GPa; NaN for what is no crystal."""
        has, volume = _crystals(data, self.curvature)
        constants = self._clamped / volume * EV_PER_CUBIC_ANGSTROM_IN_GPA
        return torch.where(has, constants, torch.nan)

    def relaxed(self, data: Batch) -> Tensor:
        """Return constants of ions that find their places: Tensor [B, 6, 6], GPa; NaN for what is no crystal.

        Raises
        ------
        DerivativeError
            If the ions have no places to find: a mode that strain excites has no positive curvature.
        """
        has, volume = _crystals(data, self.curvature)
        gained = [self._gained(data, system, size) for system, size in enumerate(crystal_sizes(data))]
        relaxed = self._clamped - torch.stack(gained) if gained else self.curvature
        return torch.where(has, relaxed / volume * EV_PER_CUBIC_ANGSTROM_IN_GPA, torch.nan)

    @property
    def _clamped(self) -> Tensor:
        symmetric = 0.5 * (self.curvature + self.curvature.mT)
        return symmetric - quadratic_term(self.slope)

    def _gained(self, data: Batch, system: int, size: int) -> Tensor:
        """What relaxing the ions of a system takes away: Tensor [6, 6], eV."""
        if size <= 1 or data.cell is None:
            return self.curvature.new_zeros(6, 6)
        atoms = slice(data.ptr[system], data.ptr[system + 1])
        hessian = self.hessian[: 3 * size, atoms].reshape(3 * size, 3 * size)
        coupling = self.coupling[:, atoms].reshape(6, 3 * size)
        volume = float(volumes(data.cell.detach()[system : system + 1])) / size
        return relaxation(hessian, coupling, volume ** (1.0 / 3.0), system)


def crystal_sizes(data: Batch) -> list[int]:
    """Return how many atoms each system has; 0 where it is not periodic in all directions."""
    sizes = [end - start for start, end in zip(data.ptr, data.ptr[1:], strict=False)]
    if data.pbc is None:
        return [0] * len(sizes)
    return [size if periodic else 0 for size, periodic in zip(sizes, data.pbc.all(1).tolist(), strict=True)]


def check_crystals(data: Batch) -> None:
    """Refuse a batch of nothing but systems that have no elastic constants.

    Raises
    ------
    DataError
        If no system is periodic in all directions.
    """
    if data.num_systems and (data.pbc is None or not bool(data.pbc.all(1).any())):
        raise DataError(
            "no system of this batch is periodic in all three directions",
            expected="a crystal: elastic constants are energy per volume",
            who="derivative_fn elastic",
            fix="for a slab, pbc=True with vacuum; times the height of the cell, these are constants of the layer",
        )


def _crystals(data: Batch, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return whether each system is a crystal, and its volume in Å³, 1 where it is none: both [B, 1, 1]."""
    if data.cell is None or data.pbc is None:
        return like.new_zeros(len(like), 1, 1, dtype=torch.bool), like.new_ones(len(like), 1, 1)
    has = data.pbc.all(1).view(-1, 1, 1)
    # the gradient of a quotient by zero would spoil those of all parameters
    return has, torch.where(has, volumes(data.cell).view(-1, 1, 1), 1.0)
