"""Between the two layouts: pairs one after the other, and one padded row per atom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_core.neighbors.geometry import filled
from alchemi_core.neighbors.lists import CooList, MatrixList

if TYPE_CHECKING:
    from alchemi_core.neighbors.lists import NeighborList


def to_matrix(neighbors: NeighborList) -> MatrixList:
    """Return the list as a matrix, as wide as its fullest row; a matrix comes back as it is."""
    if isinstance(neighbors, MatrixList):
        return neighbors
    atoms, start = neighbors.num_atoms, neighbors.edge_ptr[:-1]
    counts = neighbors.edge_ptr[1:] - start
    width = int(counts.max()) if atoms else 0
    i, j = neighbors.neighbor_list.long().unbind(1)
    place = i * width + torch.arange(neighbors.num_pairs, device=i.device) - start.index_select(0, i)
    matrix = j.new_full((atoms * width,), atoms, dtype=torch.int32).index_copy_(0, place, j.int())
    shifts = matrix.new_zeros(atoms * width, 3).index_copy_(0, place, neighbors.neighbor_list_shifts)
    return MatrixList(
        cutoff=neighbors.cutoff,
        half_list=neighbors.half_list,
        skin=neighbors.skin,
        neighbor_matrix=matrix.reshape(atoms, width),
        num_neighbors=counts,
        neighbor_matrix_shifts=shifts.reshape(atoms, width, 3),
    )


def to_coo(neighbors: NeighborList) -> CooList:
    """Return the list as pairs sorted by i, without padding; pairs come back as they are."""
    if isinstance(neighbors, CooList):
        return neighbors
    i, column = filled(neighbors).nonzero().unbind(1)
    edge_ptr = torch.zeros(neighbors.num_atoms + 1, dtype=torch.int32, device=i.device)
    torch.cumsum(neighbors.num_neighbors, 0, dtype=torch.int32, out=edge_ptr[1:])
    return CooList(
        cutoff=neighbors.cutoff,
        half_list=neighbors.half_list,
        skin=neighbors.skin,
        neighbor_list=torch.stack([i.int(), neighbors.neighbor_matrix[i, column]], dim=1),
        neighbor_list_shifts=neighbors.neighbor_matrix_shifts[i, column],
        edge_ptr=edge_ptr,
    )
