"""The referee: every pair of atoms with every image that could be in reach, one after the other. Slow and obvious."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import torch

from alchemi_core.neighbors.building import check_geometry, coo_from_pairs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.neighbors.lists import CooList


def build(batch: Batch, cutoff: float, skin: float) -> CooList:
    """Build the same list as `alchemi_core.neighbors.building.build` by trying all images; O(n² · images).

    Parameters
    ----------
    batch : Batch
        Small systems of any kind.
    cutoff, skin : float, Å
        Pairs with ``|d| < cutoff + skin`` are listed.

    Raises
    ------
    GeometryError
        If a position or cell is not finite, or a cell is singular along periodic directions.
    """
    check_geometry(batch)
    parts = [_of_system(batch, system, cutoff + skin) for system in range(batch.num_systems)]
    found = torch.cat([torch.zeros(0, 5, dtype=torch.int64), *parts])
    found = found[torch.argsort(found[:, 0], stable=True)].to(batch.device)
    return coo_from_pairs(batch, cutoff, skin, found[:, :2], found[:, 2:])


def _of_system(batch: Batch, system: int, reach: float) -> Tensor:
    """Rows (i, j, S) of one system."""
    start, stop = batch.ptr[system], batch.ptr[system + 1]
    positions = batch.positions[start:stop].detach().to("cpu", torch.float64)
    cell, periodic = _lattice(batch, system)
    nearest = _nearest_images(positions, cell, periodic)
    rows = [torch.zeros(0, 5, dtype=torch.int64)]
    for offset in _offsets(cell, periodic, reach):
        shifts = nearest + torch.tensor(offset)
        close = _squared(positions, cell, shifts) < reach * reach
        close &= ~(torch.eye(len(positions), dtype=torch.bool) & (shifts == 0).all(dim=2))
        i, j = close.nonzero().unbind(1)
        rows.append(torch.cat([torch.stack([i, j], dim=1) + start, shifts[i, j]], dim=1))
    return torch.cat(rows)


def _lattice(batch: Batch, system: int) -> tuple[Tensor, list[int]]:
    """Cell of a system and its periodic directions."""
    if batch.cell is None or batch.pbc is None:
        return torch.zeros(3, 3, dtype=torch.float64), []
    periodic = batch.pbc[system].nonzero().flatten().tolist()
    return batch.cell[system].detach().to("cpu", torch.float64), periodic


def _nearest_images(positions: Tensor, cell: Tensor, periodic: list[int]) -> Tensor:
    """For each pair, shifts [n, n, 3] that bring j within half a cell of i along each periodic direction."""
    between = positions[None, :] - positions[:, None]
    shifts = torch.zeros(between.shape, dtype=torch.int64)
    shifts[:, :, periodic] = -(between @ torch.linalg.pinv(cell[periodic])).round().long()
    return shifts


def _offsets(cell: Tensor, periodic: list[int], reach: float) -> Iterator[tuple[int, ...]]:
    """All shifts from the nearest image that may be within reach: 1/height counts cells per Å along each direction."""
    per_length = torch.linalg.vector_norm(torch.linalg.pinv(cell[periodic]), dim=0).tolist()
    most = dict(zip(periodic, (math.ceil(reach * count + 0.5) for count in per_length), strict=True))
    return itertools.product(*(range(-most.get(k, 0), most.get(k, 0) + 1) for k in range(3)))


def _squared(positions: Tensor, cell: Tensor, shifts: Tensor) -> Tensor:
    """Squared distances [n, n] from every atom i to its image of every atom j."""
    total = torch.zeros(shifts.shape[:2], dtype=torch.float64)
    for axis in range(3):
        delta = positions[None, :, axis] - positions[:, None, axis]
        for direction in range(3):
            delta = delta + shifts[:, :, direction] * cell[direction, axis]
        total = total + delta * delta
    return total
