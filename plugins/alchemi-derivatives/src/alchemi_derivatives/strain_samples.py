"""Second derivatives by strain and positions from central differences of forces and virials."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.data.batch import Batch
from alchemi_derivatives.ranks import ranks
from alchemi_derivatives.strain_expansion import StrainExpansion
from alchemi_derivatives.voigt import directions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from alchemi_core.derivatives.base import GroupState

SAMPLED = frozenset({"forces", "virial"})


@attrs.frozen(eq=False)
class StrainSamples:
    """Evaluations around a geometry.

    Parameters
    ----------
    state : GroupState
        What samples.
    step : float
        Strain to either side, and displacement in Å.
    max_atoms : int
        How many atoms to evaluate at once, at most, by putting several geometries into one batch.
    """

    state: GroupState
    step: float
    max_atoms: int

    def expand(self, slope: Tensor, sizes: Sequence[int]) -> StrainExpansion:
        """Evaluate twelve strained geometries, and six for each atom of the largest system that is relaxed.

        Parameters
        ----------
        slope : Tensor [B, 3, 3], eV
            dE/dε at the geometry itself.
        sizes : sequence of int
            How many atoms of each system to relax.
        """
        strains = directions(slope)
        deformed, gradients, by_strain = self._strained(strains)
        del deformed
        hessian = self._displaced(sizes)
        return StrainExpansion(
            slope=slope,
            curvature=torch.einsum("ibmn,jmn->bij", by_strain, strains),
            coupling=gradients,
            hessian=hessian,
        )
