"""Which pairs are within a cutoff: in float64, off the graph, and with the same answer wherever it is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_core.neighbors.geometry import pair_vectors
from alchemi_core.neighbors.lists import CooList

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.neighbors.lists import NeighborList

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
    excess = squared_distances(neighbors, batch).sub_(limit)
    inside = excess < 0.0
    unsure = (excess.abs_() <= EDGE * limit).nonzero()
    if unsure.shape[0]:
        _decide(inside, unsure, neighbors, batch, limit)
    return inside


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


def _decide(inside: Tensor, unsure: Tensor, neighbors: NeighborList, batch: Batch, limit: float) -> None:
    """Settle the pairs at the edge, in place."""
    if isinstance(neighbors, CooList):
        pair = unsure[:, 0]
        i, j = neighbors.neighbor_list[pair].unbind(1)
        inside[pair] = exact_squared(batch, i, j, neighbors.neighbor_list_shifts[pair]) < limit
    else:
        i, column = unsure.unbind(1)
        j, shifts = neighbors.neighbor_matrix[i, column], neighbors.neighbor_matrix_shifts[i, column]
        inside[i, column] = exact_squared(batch, i, j, shifts) < limit
