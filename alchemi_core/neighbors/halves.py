"""Between full lists, with (i, j, S) and (j, i, −S), and half lists, with one of the two."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_core.neighbors.capacity import check_countable
from alchemi_core.neighbors.formats import to_coo, to_matrix
from alchemi_core.neighbors.lists import CooList, MatrixList
from alchemi_core.neighbors.selecting import select

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.neighbors.lists import NeighborList


def to_half(neighbors: NeighborList) -> NeighborList:
    """Keep one of each two directions: the one with i < j, or for an atom's own image the one with S above zero.

    "Above zero" looks at the first component that is not zero. A half list comes back as it is.
    """
    if neighbors.half_list:
        return neighbors
    if isinstance(neighbors, MatrixList):
        return to_matrix(to_half(to_coo(neighbors)))
    i, j = neighbors.neighbor_list.unbind(1)
    keep = (i < j) | ((i == j) & above_zero(neighbors.neighbor_list_shifts))
    return select(neighbors, keep, cutoff=neighbors.cutoff, half_list=True, skin=neighbors.skin)


def to_full(neighbors: NeighborList) -> NeighborList:
    """Add the missing direction of every pair; a full list comes back as it is."""
    if not neighbors.half_list:
        return neighbors
    if isinstance(neighbors, MatrixList):
        return to_matrix(to_full(to_coo(neighbors)))
    return _both_ways(neighbors)


def _both_ways(neighbors: CooList) -> CooList:
    check_countable(2 * neighbors.num_pairs, "int64" if neighbors.edge_ptr.dtype == torch.int64 else "int32")
    pairs = torch.cat([neighbors.neighbor_list, neighbors.neighbor_list.flip(1)])
    shifts = torch.cat([neighbors.neighbor_list_shifts, -neighbors.neighbor_list_shifts])
    order = torch.argsort(pairs[:, 0], stable=True)
    counts = torch.bincount(pairs[:, 0], minlength=neighbors.num_atoms)
    edge_ptr = torch.zeros_like(neighbors.edge_ptr)
    torch.cumsum(counts, 0, dtype=edge_ptr.dtype, out=edge_ptr[1:])
    return CooList(
        cutoff=neighbors.cutoff,
        half_list=False,
        skin=neighbors.skin,
        neighbor_list=pairs.index_select(0, order),
        neighbor_list_shifts=shifts.index_select(0, order),
        edge_ptr=edge_ptr,
    )


def above_zero(shifts: Tensor) -> Tensor:
    """Tell which shifts [E, 3] have a first component other than zero that is positive: Tensor [E], bool."""
    a, b, c = shifts.unbind(1)
    return (a > 0) | ((a == 0) & ((b > 0) | ((b == 0) & (c > 0))))
