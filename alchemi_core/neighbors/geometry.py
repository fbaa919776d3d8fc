"""Where the pairs of a list point, ``d = r_j − r_i + S @ cell``: on the graph for models, in float64 for decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_core.neighbors.lists import CooList

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from alchemi_core.data.batch import Batch
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


def squared_distances(neighbors: NeighborList, batch: Batch) -> Tensor:
    """Return ``|d|²`` of every pair at the batch's positions, in float64 and off the graph.

    One fixed order of roundings is used, with no fused operations: whether a pair is below a cutoff has the same
    answer when a list is built, filtered, or built by brute force.

    Returns
    -------
    Tensor [E] or [N, K], Å²
        Float64; infinity where a matrix is padded.
    """
    if isinstance(neighbors, CooList):
        i, j = neighbors.neighbor_list.unbind(1)
        return squared_lengths(batch, i, j, neighbors.neighbor_list_shifts)
    mask = filled(neighbors)
    i = torch.arange(neighbors.num_atoms, device=mask.device)[:, None].expand_as(mask)
    j = torch.where(mask, neighbors.neighbor_matrix, 0)
    lengths = squared_lengths(batch, i.reshape(-1), j.reshape(-1), neighbors.neighbor_matrix_shifts.reshape(-1, 3))
    return lengths.reshape(mask.shape).masked_fill_(~mask, torch.inf)


def squared_lengths(batch: Batch, i: Tensor, j: Tensor, shifts: Tensor) -> Tensor:
    """Return ``|d|²`` of the pairs (i, j, S), in float64, with the roundings of `squared_distances`.

    Parameters
    ----------
    batch : Batch
        Positions and cells.
    i, j : Tensor [E]
        Atoms of each pair.
    shifts : Tensor [E, 3]
        Cell shifts S.
    """
    total = torch.zeros(i.shape[0], dtype=torch.float64, device=i.device)
    for axis, along in enumerate(batch.positions.detach().double().unbind(1)):
        delta = along.index_select(0, j).sub_(along.index_select(0, i))
        for step in _lattice_steps(batch, i, shifts, axis):
            delta.add_(step)
        total.add_(delta.mul_(delta))
    return total


def _lattice_steps(batch: Batch, i: Tensor, shifts: Tensor, axis: int) -> Iterator[Tensor]:
    """What each lattice vector adds to the displacement along one Cartesian axis."""
    if batch.cell is None:
        return
    vectors = batch.cell.detach()[:, :, axis].double()
    if batch.num_systems > 1:
        vectors = vectors.index_select(0, batch.batch_idx.index_select(0, i))
    for count, component in zip(shifts.unbind(1), vectors.unbind(1), strict=True):
        yield count * component


def _coo_vectors(positions: Tensor, cell: Tensor | None, neighbors: CooList, batch_idx: Tensor) -> Tensor:
    i, j = neighbors.neighbor_list.unbind(1)
    vectors = positions.index_select(0, j) - positions.index_select(0, i)
    if cell is None:
        return vectors
    shifts = neighbors.neighbor_list_shifts.to(positions.dtype)
    if cell.shape[0] == 1:
        return torch.addmm(vectors, shifts, cell[0])
    own = cell.index_select(0, batch_idx.index_select(0, i))
    return vectors + torch.einsum("ek,ekx->ex", shifts, own)


def _matrix_vectors(positions: Tensor, cell: Tensor | None, neighbors: MatrixList, batch_idx: Tensor) -> Tensor:
    mask = filled(neighbors)
    j = torch.where(mask, neighbors.neighbor_matrix, 0)
    vectors = positions.index_select(0, j.reshape(-1)).reshape(*j.shape, 3) - positions[:, None]
    if cell is not None:
        shifts = neighbors.neighbor_matrix_shifts.to(positions.dtype)
        vectors = vectors + shifts @ (cell[0] if cell.shape[0] == 1 else cell.index_select(0, batch_idx))
    far = positions.new_tensor([2.0 * (neighbors.cutoff + neighbors.skin), 0.0, 0.0])
    return torch.where(mask[..., None], vectors, far)
