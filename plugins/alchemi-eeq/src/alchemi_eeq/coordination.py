"""Coordination numbers, and the electronegativities that follow from them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_eeq.pairs import Pairs
    from alchemi_eeq.parameters import Parameters

STEEPNESS = 7.5
"""k of the counting function (Caldeweyher et al. 2019)."""

LARGEST = 8.0
"""Coordination number at which counting saturates (Caldeweyher et al. 2019)."""

REACH = 2.0
"""In covalent distances; there a pair counts 1e-26, far below rounding."""

FLOOR = 1e-14
"""Keeps the square root differentiable for an atom without neighbors; the value the reference program uses."""


def coordination_numbers(pairs: Pairs, parameters: Parameters) -> Tensor:
    """Count neighbors smoothly, and never many more than `LARGEST`.

    ::

        c_i  = Σ_j ½ erfc(k (r_ij / (R_i + R_j) − 1))
        cn_i = ln(1 + e^m) − ln(1 + e^(m − c_i)) = −ln(1 + (e^(−c_i) − 1) / (1 + e^(−m)))

    The second form keeps its digits for small c. Caldeweyher et al., J. Chem. Phys. 150, 154122 (2019).

    Parameters
    ----------
    pairs : Pairs
        Every pair within 25 Bohr at least, once.
    parameters : Parameters
        Of each atom.

    Returns
    -------
    Tensor [N]
    """
    atoms = parameters.radius.shape[0]
    covalent = parameters.radius.index_select(0, pairs.i) + parameters.radius.index_select(0, pairs.j)
    near = (pairs.distance.detach() < REACH * covalent).nonzero().flatten()
    i, j = pairs.i.index_select(0, near), pairs.j.index_select(0, near)
    ratio = pairs.distance.index_select(0, near) / covalent.index_select(0, near)
    counts = 0.5 * torch.special.erfc(STEEPNESS * (ratio - 1.0))
    total = counts.new_zeros(atoms).index_add(0, i, counts).index_add(0, j, counts)
    return -torch.log1p(torch.expm1(-total) / (1.0 + math.exp(-LARGEST)))


def effective_electronegativity(numbers: Tensor, parameters: Parameters) -> Tensor:
    """Return χ − κ √cn of each atom, the factor of its charge in the energy: the larger, the more electrons it draws.

    Parameters
    ----------
    numbers : Tensor [N]
        Coordination numbers.
    parameters : Parameters
        Of each atom.

    Returns
    -------
    Tensor [N], Hartree/e
        The article's right-hand side is minus this.
    """
    root = numbers / torch.sqrt(numbers + FLOOR)
    return parameters.electronegativity - parameters.coordination * root
