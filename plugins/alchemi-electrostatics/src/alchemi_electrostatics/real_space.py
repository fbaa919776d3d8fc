"""The short-ranged half of the sum, over pairs within the cutoff."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from alchemi_core.neighbors.geometry import pair_vectors
from alchemi_electrostatics.molecules import check_apart

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_electrostatics.lattices import Lattices
    from alchemi_electrostatics.splitting import Splitting


def real_energies(lattices: Lattices, splitting: Splitting, who: str) -> Tensor:
    """Return Σ q_i q_j φ(r_ij) over pairs, φ(r) = erfc(α r)/r, each pair counted once: Tensor [S], e²/Å.

    Pairs are counted within the cutoff r_c, and as φ(r) − φ(r_c), so that none of them makes a step when it crosses
    the cutoff. What this leaves out is of the order of the accuracy; its mean is put back, see `_left_out`.

    Raises
    ------
    GeometryError
        If two atoms are at one place.
    """
    # int64: with int32 the backward pass of index_select is several times slower
    i, j = lattices.pairs.neighbor_list.long().unbind(1)
    vectors = pair_vectors(lattices.positions, lattices.cell, lattices.pairs, lattices.batch_idx)
    # a product with ones: torch reduces an inner axis of three an order of magnitude slower
    squared = (vectors * vectors) @ vectors.new_ones(3)
    check_apart(squared, i, j, who)
    distances = squared.sqrt()
    products = lattices.charges.index_select(0, i) * lattices.charges.index_select(0, j)
    terms = products * (torch.special.erfc(splitting.alpha * distances) / distances - _at_cutoff(splitting))
    near: Tensor = terms.new_zeros(len(lattices.systems)).index_add(0, lattices.batch_idx.index_select(0, i), terms)
    return near + _left_out(lattices, splitting)


def _at_cutoff(splitting: Splitting) -> float:
    return math.erfc(splitting.alpha * splitting.cutoff) / splitting.cutoff


def _left_out(lattices: Lattices, splitting: Splitting) -> Tensor:
    """Return what shift and cutoff take away on average: Tensor [S], e²/Å.

    −½ φ(r_c) Σ q², for the charge within r_c of an ion that on average neutralises it (D. Wolf et al., J. Chem. Phys.
    110, 8254 (1999), doi:10.1063/1.478738); and where a crystal has a net charge Q, of which an even density Q/V is
    left at any distance, (2π Q²/V) (r_c³ φ(r_c)/3 + ∫ r² φ(r) dr), the integral from r_c on.
    """
    charges, systems = lattices.charges, lattices.batch_idx
    count, shift, reach = len(lattices.systems), _at_cutoff(splitting), splitting.cutoff
    total, squared = (charges.new_zeros(count).index_add(0, systems, q) for q in (charges, charges * charges))
    even = total.new_tensor([0.0 if system in lattices.slabs else 1.0 for system in range(count)])
    density = even * total**2 / torch.linalg.det(lattices.cell).abs()
    mean: Tensor = 2.0 * math.pi * (reach**3 * shift / 3.0 + _integral(splitting)) * density - 0.5 * shift * squared
    return mean


def _integral(splitting: Splitting) -> float:
    """Return ∫ r erfc(α r) dr from the cutoff to infinity, Å²; by parts."""
    alpha, reach = splitting.alpha, splitting.cutoff
    x = alpha * reach
    gauss = 0.5 * reach * math.exp(-x * x) / (alpha * math.sqrt(math.pi))
    return gauss + math.erfc(x) * (0.25 / alpha**2 - 0.5 * reach**2)
