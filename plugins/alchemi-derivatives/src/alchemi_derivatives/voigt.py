"""Voigt notation: pairs of axes as one index, in the order xx yy zz yz xz xy, shears as engineers count them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

PAIRS = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
"""Axes of each index."""

LABELS = tuple("xyz"[i] + "xyz"[j] for i, j in PAIRS)


def directions(like: Tensor) -> Tensor:
    """Return the strains of size one along each index, in the type and on the device of a tensor.

    The engineering shear strain γ = 2 ε_ij counts, so that a shear of size one is ½ in both places.

    Returns
    -------
    Tensor [6, 3, 3]
        Symmetric.
    """
    strains = like.new_zeros(6, 3, 3)
    for index, (i, j) in enumerate(PAIRS):
        strains[index, i, j] += 0.5
        strains[index, j, i] += 0.5
    return strains


def quadratic_term(stress: Tensor) -> Tensor:
    """Return the second derivatives of σ : ε²/2 by the strain.

    A linear strain ε is the Lagrangian strain η = ε + ε²/2, so that this part of the energy's curvature by ε is work
    of the stress and no elasticity (D. C. Wallace, Thermodynamics of Crystals, Wiley 1972).

    Parameters
    ----------
    stress : Tensor [B, 3, 3]
        σ, symmetric, in any unit.

    Returns
    -------
    Tensor [B, 6, 6]
        In the same unit, symmetric.
    """
    strain = directions(stress)
    product = strain.unsqueeze(1) @ strain.unsqueeze(0)
    return (stress[:, None, None] * product).sum((-2, -1))
