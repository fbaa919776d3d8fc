"""Which pairs are within a cutoff: in float64, off the graph, and with the same answer wherever it is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.neighbors.geometry import filled, pair_vectors
from alchemi_core.neighbors.lists import CooList

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.neighbors.lists import NeighborList

BLOCK = 2**14
"""Pairs looked at together on the CPU: their intermediate values, some 100 bytes each, fit a core's cache."""

EDGE = 1e-9
"""Relative width around a cutoff, in squared distances, where roundings are looked at closely."""


def squared_distances(neighbors: NeighborList, batch: Batch) -> Tensor:
    """Return ``|d|²`` of every pair at the batch's positions: Tensor [E] or [N, K], Å², float64.

    Empty entries of a matrix hold a value beyond every cutoff.
    """
    cell = None if batch.cell is None else batch.cell.detach().double()
    vectors = pair_vectors(batch.positions.detach().double(), cell, neighbors, batch.batch_idx)
    # A product with ones: reducing an inner axis of three is an order of magnitude slower in torch.
    lengths: Tensor = vectors.square_() @ vectors.new_ones(3)
    return lengths


def within(neighbors: NeighborList, batch: Batch, cutoff: float) -> Tensor:
    """Return which pairs are strictly closer than a cutoff at the batch's positions.

    Parameters
    ----------
    neighbors : CooList or MatrixList
        The pairs.
    batch : Batch
        Positions and cells of now.
    cutoff : float, Å
        The limit.

    Returns
    -------
    Tensor [E] or [N, K], bool
        False where a matrix is padded.
    """
    limit = cutoff * cutoff
    exact = batch.with_leaves(batch.positions.detach().double(), _double(batch.cell))
    parts = [_inside(block, exact, limit) for block in _blocks(neighbors)]
    inside = torch.cat(parts) if len(parts) != 1 else parts[0]
    return (
        inside
        if isinstance(neighbors, CooList)
        else inside.reshape(neighbors.neighbor_matrix.shape) & filled(neighbors)
    )


def _double(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.detach().double()


def _inside(block: CooList, batch: Batch, limit: float) -> Tensor:
    """Tell which pairs of a block are inside: Tensor [E], bool."""
    excess = squared_distances(block, batch).sub_(limit)
    inside = excess < 0.0
    unsure = (excess.abs_() <= EDGE * limit).nonzero().squeeze(1)
    if unsure.shape[0]:
        i, j = block.neighbor_list[unsure].unbind(1)
        inside[unsure] = exact_squared(batch, i, j, block.neighbor_list_shifts[unsure]) < limit
    return inside


def _blocks(neighbors: NeighborList) -> Iterator[CooList]:
    """Yield the entries of a list as pairs, block by block on the CPU, where intermediate values then stay in cache.

    Empty entries of a matrix become pairs of their atom with atom 0; they mean nothing.
    """
    if isinstance(neighbors, CooList):
        size, count = BLOCK, neighbors.num_pairs
    else:
        size, count = max(1, BLOCK // max(1, neighbors.neighbor_matrix.shape[1])), neighbors.num_atoms
    step = size if neighbors.device.type == "cpu" else max(1, count)
    for start in range(0, max(1, count), step):
        yield _block(neighbors, slice(start, start + step))


def _block(neighbors: NeighborList, rows: slice) -> CooList:
    if isinstance(neighbors, CooList):
        pairs, shifts = neighbors.neighbor_list[rows], neighbors.neighbor_list_shifts[rows]
        return attrs.evolve(neighbors, neighbor_list=pairs, neighbor_list_shifts=shifts)
    matrix = neighbors.neighbor_matrix[rows]
    i = torch.arange(neighbors.num_atoms, dtype=matrix.dtype, device=matrix.device)[rows, None].expand_as(matrix)
    j = torch.where(matrix < neighbors.padding, matrix, 0)
    return CooList(
        cutoff=neighbors.cutoff,
        half_list=neighbors.half_list,
        skin=neighbors.skin,
        neighbor_list=torch.stack([i, j], dim=2).reshape(-1, 2),
        neighbor_list_shifts=neighbors.neighbor_matrix_shifts[rows].reshape(-1, 3),
        edge_ptr=neighbors.num_neighbors,
    )


def exact_squared(batch: Batch, i: Tensor, j: Tensor, shifts: Tensor) -> Tensor:
    """Return ``|d|²`` of the pairs (i, j, S) in float64 with one fixed order of roundings, none fused.

    At the very edge of a cutoff it depends on roundings whether a pair is inside. Decided by this function, the answer
    is the same when a list is built, filtered, or found by brute force, for one system or many.

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
    vectors = batch.cell.detach()[:, :, axis].double().index_select(0, batch.batch_idx.index_select(0, i))
    for count, component in zip(shifts.unbind(1), vectors.unbind(1), strict=True):
        yield count * component
