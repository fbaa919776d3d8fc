"""Between the two layouts, pairs one after the other and one padded row per atom; and between integer types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import torch
from torch.nn.functional import pad

from alchemi_core.errors import NeighborError
from alchemi_core.neighbors.capacity import check_addressable, overflow
from alchemi_core.neighbors.geometry import filled
from alchemi_core.neighbors.lists import CooList, MatrixList

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.neighbors.config import IndexDtype
    from alchemi_core.neighbors.lists import NeighborList


def to_matrix(neighbors: NeighborList, width: int | None = None) -> MatrixList:
    """Return the list as a matrix.

    Parameters
    ----------
    neighbors : CooList or MatrixList
        A matrix of the right width comes back as it is.
    width : int, optional
        Columns K; by default as many as the fullest row of pairs needs, or as the matrix has.

    Raises
    ------
    NeighborError
        If a row needs more columns than `width`, or the matrix would have more entries than kernels can address.
    """
    if isinstance(neighbors, MatrixList):
        return neighbors if width in (None, neighbors.neighbor_matrix.shape[1]) else _refitted(neighbors, width)
    atoms, start = neighbors.num_atoms, neighbors.edge_ptr[:-1]
    counts = neighbors.edge_ptr[1:] - start
    width = _width(counts, width)
    i, j = neighbors.neighbor_list.unbind(1)
    place = i.long() * width + torch.arange(neighbors.num_pairs, device=i.device) - start.index_select(0, i)
    matrix = j.new_full((atoms * width,), atoms).index_copy_(0, place, j)
    shifts = matrix.new_zeros(atoms * width, 3).index_copy_(0, place, neighbors.neighbor_list_shifts)
    return MatrixList(
        cutoff=neighbors.cutoff,
        half_list=neighbors.half_list,
        skin=neighbors.skin,
        neighbor_matrix=matrix.reshape(atoms, width),
        num_neighbors=counts,
        neighbor_matrix_shifts=shifts.reshape(atoms, width, 3),
    )


def _width(counts: Tensor, width: int | None) -> int:
    """Columns of a matrix with so many neighbors per row; refuse what does not fit."""
    most = int(counts.max()) if counts.shape[0] else 0
    if width is not None and most > width:
        raise overflow(int(counts.argmax()), most, width)
    chosen = most if width is None else width
    check_addressable(counts.shape[0], chosen)
    return chosen


def _refitted(neighbors: MatrixList, width: int | None) -> MatrixList:
    """Return a matrix with columns of padding added, or empty ones taken away."""
    columns = _width(neighbors.num_neighbors, width) - neighbors.neighbor_matrix.shape[1]
    return attrs.evolve(
        neighbors,
        neighbor_matrix=pad(neighbors.neighbor_matrix, (0, columns), value=neighbors.padding),
        neighbor_matrix_shifts=pad(neighbors.neighbor_matrix_shifts, (0, 0, 0, columns)),
    )


def with_index_dtype(neighbors: NeighborList, index_dtype: IndexDtype) -> NeighborList:
    """Return the list with indices, shifts and counts in an integer type; one that has it comes back as it is.

    Raises
    ------
    NeighborError
        If a number does not fit int32.
    """
    dtype = torch.int32 if index_dtype == "int32" else torch.int64
    tensors: dict[str, Any] = {field.name: getattr(neighbors, field.name) for field in attrs.fields(type(neighbors))}
    changed = {n: t.to(dtype) for n, t in tensors.items() if isinstance(t, torch.Tensor) and t.dtype != dtype}
    if dtype == torch.int32 and not all(torch.equal(new, tensors[name]) for name, new in changed.items()):
        raise NeighborError(
            "indices, shifts or counts beyond the largest int32",
            expected="numbers that fit int32, which the reader declares",
            who="neighbor list",
            fix='NeighborConfig(..., index_dtype="int64"), or wrap the positions into the cell',
        )
    return _replaced(neighbors, changed) if changed else neighbors


def _replaced(neighbors: NeighborList, changes: dict[str, Any]) -> NeighborList:
    return attrs.evolve(neighbors, **changes)


def to_coo(neighbors: NeighborList) -> CooList:
    """Return the list as pairs sorted by i, without padding; pairs come back as they are."""
    if isinstance(neighbors, CooList):
        return neighbors
    i, column = filled(neighbors).nonzero().unbind(1)
    edge_ptr = neighbors.num_neighbors.new_zeros(neighbors.num_atoms + 1)
    torch.cumsum(neighbors.num_neighbors, 0, dtype=edge_ptr.dtype, out=edge_ptr[1:])
    return CooList(
        cutoff=neighbors.cutoff,
        half_list=neighbors.half_list,
        skin=neighbors.skin,
        neighbor_list=torch.stack([i.to(edge_ptr.dtype), neighbors.neighbor_matrix[i, column]], dim=1),
        neighbor_list_shifts=neighbors.neighbor_matrix_shifts[i, column],
        edge_ptr=edge_ptr,
    )
