"""From positions to the list of all pairs within reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from alchemi_core.neighbors.building import check_geometry, coo_from_pairs
from alchemi_core.neighbors.distances import exact_squared

if TYPE_CHECKING:
    from alchemi_core import Batch, CooList
    from torch import Tensor


def build(batch: Batch, cutoff: float, skin: float) -> CooList:
    """Build the full list of all pairs with ``|d| < cutoff + skin``, sorted by i; d = r_j − r_i + S @ cell.

    Whether a pair is in is decided by the core's `exact_squared`, so that it agrees with the other backends to the last
    bit. Neither the batch nor its autograd graph is touched.

    Parameters
    ----------
    batch : Batch
        Any mix of crystals, slabs and molecules, empty ones too; atoms may lie outside their cell.
    cutoff : float, Å
        What readers may ask of the list.
    skin : float, Å
        How much further the list reaches.

    Raises
    ------
    GeometryError
        If a position or cell is not finite, or a cell is singular along periodic directions.
    """
    check_geometry(batch)
    empty = torch.zeros(0, 5, dtype=torch.int64, device=batch.device)
    rows = torch.cat([empty, *(candidates(batch, system, cutoff + skin) for system in range(batch.num_systems))])
    i, j, shifts = rows[:, 0], rows[:, 1], rows[:, 2:]
    within = exact_squared(batch, i, j, shifts) < (cutoff + skin) ** 2
    kept = rows[within & ~((i == j) & (shifts == 0).all(dim=1))]
    kept = kept[torch.argsort(kept[:, 0], stable=True)]
    return coo_from_pairs(batch, cutoff, skin, kept[:, :2], kept[:, 2:])


# FILL IN: your algorithm; what it finds may hold pairs that are too far apart, but must not lack any
def candidates(batch: Batch, system: int, reach: float) -> Tensor:
    """Return rows (i, j, S) of all pairs of one system that may be within reach: Tensor [E, 5], int64.

    Takes every pair with every shift that could bring it within reach: with the nearest image and those around it.
    """
    start, stop = batch.ptr[system], batch.ptr[system + 1]
    positions = batch.positions[start:stop].detach().double()
    inverse = _inverse(batch, system)
    nearest = -((positions[None, :] - positions[:, None]) @ inverse).round().long()
    most = torch.ceil(reach * inverse.norm(dim=0) + 0.5).long() * (inverse != 0).any(dim=0)
    around = torch.cartesian_prod(*(torch.arange(-n, n + 1, device=batch.device) for n in most.tolist()))
    shifts = nearest[:, :, None] + around
    atoms = torch.arange(start, stop, device=batch.device)
    i, j = (each[:, :, None, None].expand(*shifts.shape[:3], 1) for each in torch.meshgrid(atoms, atoms, indexing="ij"))
    return torch.cat([i, j, shifts], dim=3).reshape(-1, 5)


def _inverse(batch: Batch, system: int) -> Tensor:
    """Return what turns Å into cells along the periodic directions: Tensor [3, 3], 1/Å, zeros along the others."""
    inverse = torch.zeros(3, 3, dtype=torch.float64, device=batch.device)
    if batch.cell is not None and batch.pbc is not None:
        periodic = batch.pbc[system]
        inverse[:, periodic] = torch.linalg.pinv(batch.cell[system].detach().double()[periodic])
    return inverse
