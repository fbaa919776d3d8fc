"""Lists as the kernels see them: flat arrays, whatever the layout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from alchemi_core.neighbors.lists import CooList, MatrixList

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.neighbors.config import IndexDtype
    from alchemi_core.neighbors.lists import NeighborList

Integers: TypeAlias = NDArray[np.signedinteger[Any]]

_ONE, _TWO = np.uintp(1), np.uintp(2)
_DTYPES: dict[IndexDtype, np.dtype[Any]] = {"int32": np.dtype(np.int32), "int64": np.dtype(np.int64)}


class Layout(NamedTuple):
    """A list that a kernel reads or writes; the fields stand in the order of its arguments."""

    pointers: NDArray[np.int64]
    """Row pointer [N+1] of pairs, or entries per row [N] of a matrix; always int64, which saves kernels."""
    pitch: int
    """Columns of a matrix; −1 for pairs."""
    atoms: Integers
    """The pairs [2 E], or the matrix [N K]."""
    stride: np.uintp
    """2 for pairs, 1 for a matrix."""
    shifts: Integers
    """Cell shifts [3 E] or [3 N K]."""

    @property
    def stored(self) -> int:
        """Entries there is memory for."""
        return int(self.shifts.shape[0]) // 3


def layout_of(neighbors: NeighborList) -> Layout:
    """View a list; nothing as long as itself is copied unless its tensors are not contiguous."""
    if isinstance(neighbors, CooList):
        atoms, shifts = neighbors.neighbor_list.numpy(), neighbors.neighbor_list_shifts.numpy()
        return Layout(_wide(neighbors.edge_ptr), -1, atoms.reshape(-1), _TWO, shifts.reshape(-1))
    atoms, shifts = neighbors.neighbor_matrix.numpy(), neighbors.neighbor_matrix_shifts.numpy()
    return Layout(_wide(neighbors.num_neighbors), atoms.shape[1], atoms.reshape(-1), _ONE, shifts.reshape(-1))


def _wide(tensor: Tensor) -> NDArray[np.int64]:
    return np.ascontiguousarray(tensor.numpy(), np.int64)


def new_pairs(pointers: NDArray[np.int64], index_dtype: IndexDtype) -> Layout:
    """Make room for pairs; numpy asks the system for large pages, which are filled several times faster."""
    found = int(pointers[-1])
    dtype = _DTYPES[index_dtype]
    return Layout(pointers, -1, np.empty(2 * found, dtype), _TWO, np.empty(3 * found, dtype))


def new_matrix(counts: NDArray[np.int64], width: int, index_dtype: IndexDtype) -> Layout:
    """Make room for a matrix with so many entries per row."""
    entries, dtype = counts.shape[0] * width, _DTYPES[index_dtype]
    return Layout(counts, width, np.empty(entries, dtype), _ONE, np.empty(3 * entries, dtype))


def list_of(layout: Layout, cutoff: float, *, half_list: bool) -> NeighborList:
    """Return what a kernel wrote as a list, not copied.

    Parameters
    ----------
    layout : Layout
        All of it written.
    cutoff : float, Å
        Pairs strictly closer are in it, and no others.
    half_list : bool
        Whether each pair stands in it once.
    """
    pointers = torch.from_numpy(layout.pointers.astype(layout.atoms.dtype, copy=False))
    if layout.pitch < 0:
        return CooList(
            cutoff=cutoff,
            half_list=half_list,
            neighbor_list=torch.from_numpy(layout.atoms.reshape(-1, 2)),
            neighbor_list_shifts=torch.from_numpy(layout.shifts.reshape(-1, 3)),
            edge_ptr=pointers,
        )
    shape = (pointers.shape[0], layout.pitch)
    return MatrixList(
        cutoff=cutoff,
        half_list=half_list,
        neighbor_matrix=torch.from_numpy(layout.atoms.reshape(shape)),
        num_neighbors=pointers,
        neighbor_matrix_shifts=torch.from_numpy(layout.shifts.reshape(*shape, 3)),
    )
