"""Waves: the long-ranged part of the interaction in a periodic box, as a sum over reciprocal vectors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_eeq.kernels import constant, kernel

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_eeq.boxes import Boxes


@attrs.frozen(eq=False)
class Waves:
    """The interaction of smeared unit charges, erf(α r)/r summed over images, as c + Σ_G w_G cos(G·r).

    Parameters
    ----------
    vectors : Tensor [S, K, 3], 1/Bohr
        One of each pair ±G.
    weights : Tensor [S, K], Hartree/e²
        w, zero where a system has fewer vectors than the others.
    constant : Tensor [S], Hartree/e²
        c.
    """

    vectors: Tensor
    weights: Tensor
    constant: Tensor

    def matrix(self, positions: Tensor, present: Tensor) -> Tensor:
        """Return the interaction between the atoms of each system: Tensor [S, n, n], Hartree/e².

        Parameters
        ----------
        positions : Tensor [S, n, 3], Bohr
            Of the atoms.
        present : Tensor [S, n], bool
            Where there is one; zero rows and columns elsewhere.
        """
        phases = positions @ self.vectors.mT
        there = present[:, :, None].to(positions.dtype)
        waves = torch.cat([phases.cos(), phases.sin()], dim=2) * there
        weighted = waves * torch.cat([self.weights, self.weights], dim=1)[:, None]
        return weighted @ waves.mT + self.constant[:, None, None] * (there @ there.mT)


def make_waves(boxes: Boxes, periodic: int) -> Waves:
    """Make the waves of boxes with that number of periodic directions, differentiable through the boxes."""
    reciprocal = 2.0 * math.pi * torch.linalg.inv(boxes.vectors).mT
    integers, wanted = _integers(boxes.vectors.detach(), reciprocal.detach(), boxes.splitting.longest)
    parts = integers[:, :, :, None] * reciprocal[:, None]
    weights = kernel(parts, integers, boxes, periodic)
    return Waves(parts.sum(2), torch.where(wanted, weights, 0.0), constant(boxes, periodic))


def _integers(vectors: Tensor, reciprocal: Tensor, longest: float) -> tuple[Tensor, Tensor]:
    """Return integer coefficients [S, K, 3] of reciprocal vectors, and which of them are wanted, [S, K].

    Those beyond the last one of a system are (1, 1, 1), so that no formula meets a zero.
    """
    grid = _half_grid(vectors, longest)
    inside = torch.linalg.vector_norm(grid @ reciprocal, dim=2) <= longest
    most = int(inside.sum(1).max())
    order = torch.argsort((~inside).to(torch.int8), dim=1, stable=True)[:, :most]
    wanted = inside.gather(1, order)
    return torch.where(wanted[:, :, None], grid[order], 1.0), wanted


def _half_grid(vectors: Tensor, longest: float) -> Tensor:
    """Return all triples that could be needed, one of each pair of opposite ones, without zero: Tensor [M, 3]."""
    reach = torch.linalg.vector_norm(vectors, dim=2).amax(0) * (longest / (2.0 * math.pi))
    axes = [torch.arange(-n, n + 1, dtype=vectors.dtype) for n in reach.long().tolist()]
    grid = torch.cartesian_prod(*axes)
    return grid[grid.shape[0] // 2 + 1 :].to(vectors.device)
