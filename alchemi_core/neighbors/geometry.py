"""Where the pairs of a list point: ``d = r_j − r_i + S @ cell``, on the autograd graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_core.neighbors.lists import CooList

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.neighbors.lists import MatrixList, NeighborList


def pair_vectors(positions: Tensor, cell: Tensor | None, neighbors: NeighborList, batch_idx: Tensor) -> Tensor:
    """Return the displacement ``d = r_j − r_i + S @ cell`` of every pair, differentiable through positions and cell.

    Parameters
    ----------
    positions : Tensor [N, 3], Å
        Those the list refers to.
    cell : Tensor [B, 3, 3], Å, or None
        Lattice vectors as rows; None when nothing is periodic.
    neighbors : CooList or MatrixList
        The pairs.
    batch_idx : Tensor [N], int64
        System of each atom.

    Returns
    -------
    Tensor [E, 3] or [N, K, 3], Å
        In the dtype of `positions`. An empty entry of a matrix holds ``(2 (cutoff + skin), 0, 0)``, a constant: it is
        finite, lies beyond every cutoff and has no gradient.
    """
    if isinstance(neighbors, CooList):
        return _coo_vectors(positions, cell, neighbors, batch_idx)
    return _matrix_vectors(positions, cell, neighbors, batch_idx)


def filled(neighbors: MatrixList) -> Tensor:
    """Return which entries of a matrix hold a neighbor: Tensor [N, K], bool."""
    columns = torch.arange(neighbors.neighbor_matrix.shape[1], device=neighbors.num_neighbors.device)
    return columns < neighbors.num_neighbors[:, None]


def _coo_vectors(positions: Tensor, cell: Tensor | None, neighbors: CooList, batch_idx: Tensor) -> Tensor:
    # int64: the backward pass of index_select is three times faster with it
    i, j = neighbors.neighbor_list.long().unbind(1)
    vectors = positions.index_select(0, j) - positions.index_select(0, i)
    if cell is None:
        return vectors
    shifts = neighbors.neighbor_list_shifts.to(positions.dtype)
    if cell.shape[0] == 1:
        return torch.addmm(vectors, shifts, cell[0])
    own = cell.index_select(0, batch_idx.index_select(0, i))
    return torch.baddbmm(vectors[:, None], shifts[:, None], own)[:, 0]


def _matrix_vectors(positions: Tensor, cell: Tensor | None, neighbors: MatrixList, batch_idx: Tensor) -> Tensor:
    mask = filled(neighbors)
    j = torch.where(mask, neighbors.neighbor_matrix, 0).long()
    vectors = positions.index_select(0, j.reshape(-1)).reshape(*j.shape, 3) - positions[:, None]
    if cell is not None:
        shifts = neighbors.neighbor_matrix_shifts.to(positions.dtype)
        vectors = vectors + shifts @ (cell[0] if cell.shape[0] == 1 else cell.index_select(0, batch_idx))
    far = positions.new_tensor([2.0 * (neighbors.cutoff + neighbors.skin), 0.0, 0.0])
    return torch.where(mask[..., None], vectors, far)
