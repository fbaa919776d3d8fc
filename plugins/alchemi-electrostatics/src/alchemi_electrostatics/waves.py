"""The waves of the reciprocal lattice: how many along each vector, and what each of them counts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from alchemi_core.errors import GeometryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from alchemi_electrostatics.splitting import Splitting

MOST_WAVES = 20_000_000
"""Waves of one system above which the sum is refused: it would take hours."""


def wave_bounds(cell: Tensor, splitting: Splitting, who: str) -> tuple[tuple[int, int, int], ...]:
    """Return the largest integer along each reciprocal vector, so that all waves up to k_c are inside.

    For k = h b₁ + k b₂ + l b₃ it is |h| = |k·a₁| / 2π ≤ k_c |a₁| / 2π, whatever the shape of the cell. All waves of
    the box are summed, those beyond k_c too: then no wave comes or goes under a small strain.

    Parameters
    ----------
    cell : Tensor [S, 3, 3], Å
        Lattice vectors as rows.
    splitting : Splitting
        Gives k_c.
    who : str
        Name of the model.

    Raises
    ------
    GeometryError
        If there are more waves than can be summed.
    """
    edges = torch.linalg.vector_norm(cell.detach(), dim=2).tolist()
    found = []
    for row in edges:
        most = [splitting.reciprocal_cutoff * edge / (2.0 * math.pi) for edge in row]
        _check_number(4.0 * math.prod(most), splitting, who)
        first, second, third = (int(number) for number in most)
        found.append((first, second, third))
    return tuple(found)


def wave_weights(cell: Tensor, bounds: Sequence[tuple[int, int, int]], first: range, alpha: float) -> Tensor:
    """Return (2π/V) exp(−k²/4α²)/k² of each wave, twice where −k is not among them.

    Parameters
    ----------
    cell : Tensor [S, 3, 3], Å
        Lattice vectors as rows.
    bounds : sequence of tuple of int
        Of each system; beyond them weights are zero.
    first : range
        Values of the first integer, of all from 0 to the largest of the bounds.
    alpha : float, 1/Å
        Splitting parameter.

    Returns
    -------
    Tensor [S, H, K, L], e²/Å per e²
        K and L from minus to plus the largest of the bounds.
    """
    most = torch.tensor(bounds, device=cell.device)
    integers = _integers(bounds, first, cell)
    waves = integers @ (2.0 * math.pi * torch.linalg.inv(cell).mT)[:, None, None]
    squared = (waves * waves).sum(-1)
    counted = (integers.abs() <= most[:, None, None, None]).all(-1) & integers.any(-1)
    twice = 1.0 + (integers[..., 0] > 0).to(cell.dtype)
    safe = torch.where(counted, squared, 1.0)
    volume = torch.linalg.det(cell).abs()[:, None, None, None]
    return torch.where(counted, 2.0 * math.pi * twice / volume * torch.exp(-safe / (4.0 * alpha**2)) / safe, 0.0)


def _integers(bounds: Sequence[tuple[int, int, int]], first: range, like: Tensor) -> Tensor:
    most = [max(row[axis] for row in bounds) for axis in (1, 2)]
    axes = [torch.arange(first.start, first.stop), *(torch.arange(-n, n + 1) for n in most)]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).to(like)


def _check_number(number: float, splitting: Splitting, who: str) -> None:
    if number > MOST_WAVES:
        raise GeometryError(
            f"a cell with {number:.2g} waves up to {splitting.reciprocal_cutoff:.3g}/Å",
            expected=f"at most {MOST_WAVES:.0g}",
            who=who,
            fix=f"cutoff= above {splitting.cutoff:g}, accuracy= above {splitting.accuracy:g}, or the model 'pme'",
        )
