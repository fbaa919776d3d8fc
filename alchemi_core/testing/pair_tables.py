"""Neighbor lists as plain tables of rows (i, j, S): what the referee finds, and lists written and read row by row.

Nothing here uses the conversions of the core, so that these can be judged too.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np
import torch
from numpy.typing import NDArray

from alchemi_core.neighbors import brute_force
from alchemi_core.neighbors.lists import CooList, MatrixList

if TYPE_CHECKING:
    from alchemi_core.data.batch import Batch
    from alchemi_core.neighbors.lists import NeighborList
    from alchemi_core.testing.neighbor_cases import NeighborCase

Rows: TypeAlias = NDArray[np.int64]
"""Pairs [E, 5]: columns i, j and the three components of S."""

Floats: TypeAlias = NDArray[np.float64]

WIDEST = 1.25
"""Cutoff of the widest list that is converted, in units of the reader's."""

SKIN = 0.5
"""Å: skin of lists that have one."""

MOVED = 0.48
"""How far atoms move where a case says so, as a fraction of the skin: just short of the half that is allowed."""


@lru_cache(maxsize=512)
def referee(case: NeighborCase, dtype: torch.dtype, reach: float, moved: float) -> Rows:
    """Return all pairs of a case closer than `reach`, by brute force; read-only, since it is kept.

    Parameters
    ----------
    case : NeighborCase
        The structure.
    dtype : torch.dtype
        Floating type of the batch, whose rounded values count.
    reach : float, Å
        Pairs strictly closer than this are wanted.
    moved : float, Å
        The skin within which atoms have moved; 0 where they have not.
    """
    rows, squared = _pairs_nearby(case, dtype, max(reach, WIDEST * case.cutoff + SKIN), moved)
    found = shuffled(rows[squared < reach * reach])
    found.flags.writeable = False
    return found


@lru_cache(maxsize=256)
def _pairs_nearby(case: NeighborCase, dtype: torch.dtype, reach: float, moved: float) -> tuple[Rows, Floats]:
    """Return pairs with squared distances, found once for all cutoffs that are asked of a case."""
    batch = displaced(case.make(dtype, "cpu"), moved)
    rows = rows_of(brute_force.build(batch, reach, 0.0))
    return rows, squared_lengths(rows, batch)


def squared_lengths(rows: Rows, batch: Batch) -> Floats:
    """Return ``|d|²`` of pairs in float64, Å²: summed axis by axis, each product and sum rounded on its own.

    These are the roundings that decide at the edge of a cutoff, written down once more and without torch.

    Parameters
    ----------
    rows : Rows [E, 5]
        The pairs; indices name atoms of the batch.
    batch : Batch
        Positions and cells.
    """
    i, j, *shifts = rows.T
    places = batch.positions.detach().cpu().double().numpy()
    cells = np.zeros((batch.num_systems, 3, 3)) if batch.cell is None else batch.cell.detach().cpu().double().numpy()
    systems = batch.batch_idx.cpu().numpy()[i]
    total = np.zeros(len(rows))
    for axis in range(3):
        along = places[j, axis] - places[i, axis]
        for direction, count in enumerate(shifts):
            along = along + count * cells[systems, direction, axis]
        total = total + along * along
    return total


def displaced(batch: Batch, skin: float) -> Batch:
    """Return the batch with every atom moved by nearly half a skin, each its own way."""
    if skin == 0.0:
        return batch
    steps = np.random.default_rng(7).normal(size=(batch.num_atoms, 3))
    steps *= MOVED * skin / np.linalg.norm(steps, axis=1, keepdims=True)
    return batch.with_fields(positions=batch.positions + torch.from_numpy(steps).to(batch.positions))


def rows_of(neighbors: CooList) -> Rows:
    """Return the pairs of a list as rows."""
    parts = (neighbors.neighbor_list, neighbors.neighbor_list_shifts)
    return np.concatenate([part.detach().cpu().numpy().astype(np.int64) for part in parts], axis=1)


def matrix_rows(neighbors: MatrixList) -> Rows:
    """Return the filled entries of a matrix as rows, from the left."""
    counts = neighbors.num_neighbors.cpu().numpy()
    i, column = np.nonzero(np.arange(neighbors.neighbor_matrix.shape[1]) < counts[:, None])
    j = neighbors.neighbor_matrix.cpu().numpy()[i, column]
    shifts = neighbors.neighbor_matrix_shifts.cpu().numpy()[i, column]
    return np.concatenate([i[:, None], j[:, None], shifts], axis=1).astype(np.int64)


def shuffled(rows: Rows) -> Rows:
    """Return the rows sorted by i, and in no order within each i: no reader may count on one."""
    mixed: Rows = rows[np.random.default_rng(len(rows)).permutation(len(rows))]
    return mixed[np.argsort(mixed[:, 0], kind="stable")]


def in_order(rows: Rows) -> Rows:
    """Return the rows sorted by all columns."""
    return rows[np.lexsort(rows.T[::-1])]


def reverse(rows: Rows) -> Rows:
    """Return each pair seen from its other atom: (j, i, −S)."""
    return np.concatenate([rows[:, [1, 0]], -rows[:, 2:]], axis=1)


def half(rows: Rows) -> Rows:
    """Keep i < j, and of an atom's images those whose first nonzero component of S is positive."""
    i, j, a, b, c = rows.T
    above = (a > 0) | ((a == 0) & ((b > 0) | ((b == 0) & (c > 0))))
    kept: Rows = rows[(i < j) | ((i == j) & above)]
    return kept


def write_coo(rows: Rows, atoms: int, dtype: torch.dtype, *, cutoff: float, half_list: bool, skin: float) -> CooList:
    """Write rows that are sorted by i as pairs."""
    edge_ptr = np.concatenate([[0], np.cumsum(np.bincount(rows[:, 0], minlength=atoms))])
    return CooList(
        cutoff=cutoff,
        half_list=half_list,
        skin=skin,
        neighbor_list=torch.tensor(rows[:, :2], dtype=dtype),
        neighbor_list_shifts=torch.tensor(rows[:, 2:], dtype=dtype),
        edge_ptr=torch.tensor(edge_ptr, dtype=dtype),
    )


def write_matrix(pairs: CooList, spare: int) -> MatrixList:
    """Write pairs as a matrix with some columns more than the fullest row needs."""
    rows, edges = rows_of(pairs), pairs.edge_ptr.numpy()
    atoms, counts = pairs.num_atoms, np.diff(edges)
    width = spare + int(counts.max(initial=0))
    matrix = np.full((atoms, width), atoms)
    shifts = np.zeros((atoms, width, 3), dtype=np.int64)
    column = np.arange(len(rows)) - edges[rows[:, 0]]
    matrix[rows[:, 0], column] = rows[:, 1]
    shifts[rows[:, 0], column] = rows[:, 2:]
    dtype = pairs.neighbor_list.dtype
    return MatrixList(
        cutoff=pairs.cutoff,
        half_list=pairs.half_list,
        skin=pairs.skin,
        neighbor_matrix=torch.tensor(matrix, dtype=dtype),
        num_neighbors=torch.tensor(counts, dtype=dtype),
        neighbor_matrix_shifts=torch.tensor(shifts, dtype=dtype),
    )


def tensors_of(neighbors: NeighborList) -> dict[str, torch.Tensor]:
    """Return the tensors of a list by name."""
    fields = ((field.name, getattr(neighbors, field.name)) for field in attrs.fields(type(neighbors)))
    return {name: value for name, value in fields if isinstance(value, torch.Tensor)}


def spell(dtype: torch.dtype) -> str:
    """Return the name of a type without its package."""
    return str(dtype).removeprefix("torch.")
