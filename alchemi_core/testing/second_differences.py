"""Second derivatives by central differences of fourth order; nothing here differentiates."""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import torch

from alchemi_core.testing.differences import STENCIL

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

STEP = 4e-3
"""Å, strain, or the unit of whatever is varied: truncation and rounding are both below 1e-7 of smooth energies."""

TOGETHER = 600
"""Points that are evaluated at once."""


def curvatures(energy: Callable[[Tensor], Tensor], size: int, step: float = STEP) -> Tensor:
    """Differentiate an energy twice at the origin.

    Parameters
    ----------
    energy : callable
        From points [M, size] to energies [M].
    size : int
        Number of variables.
    step : float
        Step of the differences.

    Returns
    -------
    Tensor [size, size]
        Symmetric.
    """
    pairs = list(combinations_with_replacement(range(size), 2))
    units = step * torch.eye(size, dtype=torch.float64)
    points = [i * units[k] + j * units[m] for k, m in pairs for i, _ in STENCIL for j, _ in STENCIL]
    values = torch.cat([energy(part) for part in torch.stack(points).split(TOGETHER)]) if points else torch.zeros(0)
    factors = torch.tensor([a * b for _, a in STENCIL for _, b in STENCIL], dtype=torch.float64)
    out = torch.zeros(size, size, dtype=torch.float64)
    for (k, m), found in zip(pairs, values.reshape(len(pairs), -1), strict=True):
        out[k, m] = out[m, k] = (factors * found).sum() / (12.0 * step) ** 2
    return out
