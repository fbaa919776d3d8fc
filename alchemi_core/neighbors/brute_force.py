"""The referee: every pair with every image that could be in reach, one image after the other. Slow and obvious."""

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


def build_brute_force(batch: Batch, cutoff: float, skin: float) -> CooList:
    """Build the same list as `alchemi_core.neighbors.building.build` by trying all images; O(n² · images).

    Parameters
    ----------
    batch : Batch
        Small systems.
    cutoff, skin : float, Å
        Pairs with ``|d| < cutoff + skin`` are listed.
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
    cell, pbc = _lattice(batch, system)
    rows = [torch.zeros(0, 5, dtype=torch.int64)]
    for image in _images(positions, cell, pbc, reach):
        close = _squared(positions, cell, image) < reach * reach
        if image == (0, 0, 0):
            close.fill_diagonal_(False)  # noqa: FBT003 - torch takes the value by position
        pairs = close.nonzero() + start
        rows.append(torch.cat([pairs, torch.tensor(image).expand(len(pairs), 3)], dim=1))
    return torch.cat(rows)


def _lattice(batch: Batch, system: int) -> tuple[Tensor, list[bool]]:
    if batch.cell is None or batch.pbc is None:
        return torch.zeros(3, 3, dtype=torch.float64), [False] * 3
    return batch.cell[system].detach().to("cpu", torch.float64), batch.pbc[system].tolist()


def _squared(positions: Tensor, cell: Tensor, image: tuple[int, ...]) -> Tensor:
    """Squared distances [n, n] from every atom i to the image S of every atom j."""
    total = torch.zeros(len(positions), len(positions), dtype=torch.float64)
    for axis in range(3):
        x = positions[:, axis]
        delta = x[None, :] - x[:, None]
        for step, vector in zip(image, cell, strict=True):
            delta = delta + step * vector[axis]
        total = total + delta * delta
    return total


def _images(positions: Tensor, cell: Tensor, pbc: list[bool], reach: float) -> Iterator[tuple[int, ...]]:
    """All S with |S_k| up to the reach plus the spread of the atoms, in units of the height of the cell along k."""
    periodic = [k for k in range(3) if pbc[k]]
    spread = float(torch.linalg.vector_norm(positions - positions[:1], dim=1).max()) if len(positions) else 0.0
    # columns of the pseudo-inverse are the reciprocal vectors within the span of the periodic ones
    reciprocal = torch.linalg.pinv(cell[periodic])
    lengths = torch.linalg.vector_norm(reciprocal, dim=0).tolist()
    most = dict.fromkeys(range(3), 0)
    most.update({k: math.ceil((reach + 2.0 * spread) * length) for k, length in zip(periodic, lengths, strict=True)})
    return itertools.product(*(range(-most[k], most[k] + 1) for k in range(3)))
