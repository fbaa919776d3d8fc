"""Keeping some pairs of a list: the pairs, their shifts and all counts stay in step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_core.neighbors.lists import CooList, MatrixList

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.neighbors.lists import NeighborList


def select(neighbors: NeighborList, keep: Tensor, *, cutoff: float, half_list: bool, skin: float) -> NeighborList:
    """Return the list of the kept pairs, in the same layout and order.

    Parameters
    ----------
    neighbors : CooList or MatrixList
        The list to choose from.
    keep : Tensor [E] or [N, K], bool
        Pairs to keep; False where a matrix is padded.
    cutoff, half_list, skin
        What the new list says of itself.
    """
    if isinstance(neighbors, CooList):
        pairs, pair_shifts, edge_ptr = _kept_pairs(neighbors, keep)
        return CooList(
            cutoff=cutoff,
            half_list=half_list,
            skin=skin,
            neighbor_list=pairs,
            neighbor_list_shifts=pair_shifts,
            edge_ptr=edge_ptr,
        )
    matrix, shifts, counts = _kept_entries(neighbors, keep)
    return MatrixList(
        cutoff=cutoff,
        half_list=half_list,
        skin=skin,
        neighbor_matrix=matrix,
        num_neighbors=counts,
        neighbor_matrix_shifts=shifts,
    )


def _kept_pairs(neighbors: CooList, keep: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    before = neighbors.edge_ptr.new_zeros(keep.shape[0] + 1)
    torch.cumsum(keep, 0, dtype=before.dtype, out=before[1:])
    kept = keep.nonzero().squeeze(1)
    pairs = neighbors.neighbor_list.index_select(0, kept)
    return pairs, neighbors.neighbor_list_shifts.index_select(0, kept), before.index_select(0, neighbors.edge_ptr)


def _kept_entries(neighbors: MatrixList, keep: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Move kept entries to the left; the width shrinks to the fullest row where asking for it costs no wait."""
    counts = keep.sum(dim=1, dtype=neighbors.num_neighbors.dtype)
    order = torch.argsort(keep, dim=1, descending=True, stable=True)
    if keep.device.type == "cpu":
        order = order[:, : int(counts.max()) if counts.numel() else 0]
    empty = torch.arange(order.shape[1], device=keep.device) >= counts[:, None]
    matrix = neighbors.neighbor_matrix.gather(1, order).masked_fill_(empty, neighbors.padding)
    shifts = neighbors.neighbor_matrix_shifts.gather(1, order[..., None].expand(*order.shape, 3))
    return matrix, shifts.masked_fill_(empty[..., None], 0), counts
