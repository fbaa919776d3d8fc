"""Keeping some pairs of a list: the pairs, their shifts and all counts stay in step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.neighbors.lists import CooList

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.neighbors.lists import MatrixList, NeighborList


def select(neighbors: NeighborList, keep: Tensor) -> NeighborList:
    """Return the list of the kept pairs, in the same layout and order, otherwise saying of itself what it said.

    Parameters
    ----------
    neighbors : CooList or MatrixList
        The list to choose from.
    keep : Tensor [E] or [N, K], bool
        Pairs to keep; False where a matrix is padded.
    """
    if isinstance(neighbors, CooList):
        return _select_coo(neighbors, keep)
    return _select_matrix(neighbors, keep)


def _select_coo(neighbors: CooList, keep: Tensor) -> CooList:
    before = torch.zeros(keep.shape[0] + 1, dtype=torch.int32, device=keep.device)
    torch.cumsum(keep, 0, dtype=torch.int32, out=before[1:])
    kept = keep.nonzero().squeeze(1)
    return attrs.evolve(
        neighbors,
        neighbor_list=neighbors.neighbor_list.index_select(0, kept),
        neighbor_list_shifts=neighbors.neighbor_list_shifts.index_select(0, kept),
        edge_ptr=before.index_select(0, neighbors.edge_ptr),
    )


def _select_matrix(neighbors: MatrixList, keep: Tensor) -> MatrixList:
    """Move kept entries to the left; the width shrinks to the fullest row where asking for it costs no wait."""
    counts = keep.sum(dim=1, dtype=torch.int32)
    order = torch.argsort(keep, dim=1, descending=True, stable=True)
    if keep.device.type == "cpu":
        order = order[:, : int(counts.max()) if counts.numel() else 0]
    empty = torch.arange(order.shape[1], device=keep.device) >= counts[:, None]
    shifts = neighbors.neighbor_matrix_shifts.gather(1, order[..., None].expand(*order.shape, 3))
    return attrs.evolve(
        neighbors,
        neighbor_matrix=neighbors.neighbor_matrix.gather(1, order).masked_fill_(empty, neighbors.padding),
        num_neighbors=counts,
        neighbor_matrix_shifts=shifts.masked_fill_(empty[..., None], 0),
    )
