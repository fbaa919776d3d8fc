"""Fourier transforms of 1/r: periodic along three directions, or cut off where it is not periodic.

With ``s = exp(−G²/4α²)`` and one vector of each pair ±G taken, weights are ``2 s v(G) / V``:

==========  ============================================================================
crystal     v = 4π/G²
slab        v = 4π/G² (1 − e^(−G∥ R) cos(G⊥ R))
wire        v = 4π/G² (1 + G⊥ R J₁(G⊥ R) K₀(G∥ R) − G∥ R J₀(G⊥ R) K₁(G∥ R));
            for G∥ = 0:  4π (1 − J₀(G⊥ R)) / G² − 4π R ln(R) J₁(G⊥ R) / G
==========  ============================================================================

C. A. Rozzi, D. Varsano, A. Marini, E. K. U. Gross and A. Rubio, Phys. Rev. B 73, 205119 (2006),
doi:10.1103/PhysRevB.73.205119. In boxes twice as wide as the range R they are exact for charges closer than R.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from alchemi_eeq.bessel import bessel_k

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_eeq.boxes import Boxes


def kernel(parts: Tensor, integers: Tensor, boxes: Boxes, periodic: int) -> Tensor:
    """Return weights of reciprocal vectors: Tensor [S, K], Hartree/e².

    Parameters
    ----------
    parts : Tensor [S, K, 3, 3], 1/Bohr
        Contribution of each edge of the box to each vector; none of the vectors is zero.
    integers : Tensor [S, K, 3]
        Coefficients of the vectors.
    boxes : Boxes
        The boxes.
    periodic : int
        Number of periodic directions.
    """
    squared = (parts.sum(2) ** 2).sum(2)
    scale = 8.0 * math.pi / boxes.volume[:, None] * torch.exp(-squared / (4.0 * boxes.splitting.alpha**2))
    if periodic == 3:
        return scale / squared
    along = integers[:, :, :periodic].abs().sum(2) > 0
    # where it is zero it plays no part, but a root has no slope there
    inside = torch.where(along, (parts[:, :, :periodic].sum(2) ** 2).sum(2), 1.0).sqrt() * boxes.range[:, None]
    if periodic == 2:
        return scale / squared * _slab(inside, along, integers)
    return scale * _wire(inside, along, parts, squared, boxes.range[:, None])


def constant(boxes: Boxes, periodic: int) -> Tensor:
    """Return what the vector G = 0 contributes: Tensor [S], Hartree/e².

    In a crystal it is −π/(α² V): point charges and a uniform background that neutralizes them. In a slab, where
    interactions are −2π|z|/A on average, −π R/A; in a wire, −2 ln(ρ)/L with ρ in Bohr, −π R² (2 ln R − 1)/V.
    """
    radius = boxes.range
    if periodic == 3:
        return -math.pi / (boxes.splitting.alpha**2 * boxes.volume)
    if periodic == 2:
        return -2.0 * math.pi * radius**2 / boxes.volume
    return -math.pi * radius**2 * (2.0 * radius.log() - 1.0) / boxes.volume


def _slab(inside: Tensor, along: Tensor, integers: Tensor) -> Tensor:
    """Return 1 − e^(−G∥ R) cos(G⊥ R): the box is 2 R wide, so that the cosine is ±1."""
    sign = 1.0 - 2.0 * torch.remainder(integers[:, :, 2], 2.0)
    return 1.0 - sign * torch.where(along, torch.exp(-inside), 1.0)


def _wire(inside: Tensor, along: Tensor, parts: Tensor, squared: Tensor, radius: Tensor) -> Tensor:
    """Return the last form of the table over 4π; what depends on G⊥ R is the same however the wire is strained."""
    across = torch.linalg.vector_norm(parts[:, :, 1:].sum(2).detach(), dim=2) * radius
    j0, j1 = torch.special.bessel_j0(across), torch.special.bessel_j1(across)
    periodic = 1.0 + across * j1 * bessel_k(0, inside) - inside * j0 * bessel_k(1, inside)
    straight = 1.0 - j0 - radius.log() * across * j1
    return torch.where(along, periodic, straight) / squared
