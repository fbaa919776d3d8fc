"""The two passes of a conversion: one chooses entries and counts them, one writes them where they belong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np
import torch

from alchemi_core.errors import NeighborError
from alchemi_core.neighbors.capacity import check_addressable, check_countable, overflow
from alchemi_core.neighbors.config import NeighborListFormat
from alchemi_neighbors_numba.choosing import MALFORMED, choose
from alchemi_neighbors_numba.copying import copy_rows
from alchemi_neighbors_numba.layouts import layout_of, list_of, new_matrix, new_pairs
from alchemi_neighbors_numba.parts import each, parts_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.neighbors.config import NeighborConfig
    from alchemi_core.neighbors.lists import NeighborList
    from alchemi_neighbors_numba.choosing import Floats
    from alchemi_neighbors_numba.layouts import Integers, Layout
    from alchemi_neighbors_numba.parts import Part

_NONE = np.empty(0, np.int64)
_ALL = np.empty(0, np.int32)
_NO_CELLS = np.empty((0, 3, 3))


@attrs.frozen(eq=False)
class Chosen:
    """What the first pass found.

    Parameters
    ----------
    counts : ndarray [N]
        Entries of each row to write.
    kept : list of ndarray, int32
        For each part, the columns of these entries; empty where all are written.
    returns : list of ndarray [N], int64
        For each part, how many of its pairs are also written at their second atom; empty where none are.
    """

    counts: NDArray[np.int64]
    kept: list[NDArray[np.int32]]
    returns: list[NDArray[np.int64]]

    @property
    def doubled(self) -> bool:
        """Whether pairs are written in both directions, where the source has one."""
        return bool(self.returns[0].shape[0])

    @property
    def totals(self) -> NDArray[np.int64]:
        """Entries of each row of the result."""
        return sum(self.returns, self.counts) if self.doubled else self.counts


def converted(source: NeighborList, batch: Batch, need: NeighborConfig, *, measured: bool) -> NeighborList:
    """Convert a list that belongs to the batch and reaches far enough; `convert` says how.

    Parameters
    ----------
    source, batch, need
        As for `convert`.
    measured : bool
        Whether distances are taken; otherwise pairs up to the cutoff are taken for granted.
    """
    old = layout_of(source)
    _check_pointers(old)
    parts = parts_of(old, batch.num_atoms)
    if measured or source.half_list is not need.half_list:
        chosen = _choose(old, parts, batch, need, source_is_half=source.half_list, measured=measured)
    else:
        chosen = _everything(old, parts)
    new = _room(chosen.totals, need)
    _write(old, new, parts, chosen)
    return list_of(new, need.cutoff, half_list=need.half_list)


def _choose(
    old: Layout, parts: list[Part], batch: Batch, need: NeighborConfig, *, source_is_half: bool, measured: bool
) -> Chosen:
    """Run the first pass."""
    limit = need.cutoff * need.cutoff if measured else -1.0
    halve, double = need.half_list and not source_is_half, source_is_half and not need.half_list
    geometry = _geometry(batch)
    counts = np.empty(batch.num_atoms, np.int64)
    kept = [np.empty(part.entries, np.int32) for part in parts]
    returns = [np.zeros(batch.num_atoms, np.int64) if double else _NONE for _ in parts]

    def work(k: int) -> int:
        return choose(parts[k].first, parts[k].last, *old, *geometry, limit, halve, counts, kept[k], returns[k])

    if MALFORMED in each(work, len(parts)):
        raise _malformed()
    return Chosen(counts, kept, returns)


def _geometry(batch: Batch) -> tuple[Floats, Integers, Floats]:
    """Positions [3 N], system of each atom [N] and cells [B, 3, 3], in float64 and off the graph."""
    cells = _NO_CELLS if batch.cell is None else _floats(batch.cell)
    return _floats(batch.positions).reshape(-1), np.ascontiguousarray(batch.batch_idx.numpy()), cells


def _floats(tensor: Tensor) -> Floats:
    values = tensor.detach() if tensor.requires_grad else tensor
    return np.ascontiguousarray((values if values.dtype == torch.float64 else values.double()).numpy())


def _everything(old: Layout, parts: list[Part]) -> Chosen:
    """Choose all entries, without looking at them."""
    counts = np.diff(old.pointers) if old.pitch < 0 else old.pointers
    if counts.shape[0] and (counts.min() < 0 or (old.pitch >= 0 and counts.max() > old.pitch)):
        raise _malformed()
    return Chosen(counts, [_ALL] * len(parts), [_NONE] * len(parts))


def _check_pointers(old: Layout) -> None:
    """Raise `NeighborError` unless the row pointer of pairs spans the list; rows are looked at later."""
    if old.pitch < 0 and (old.pointers.item(0) != 0 or old.pointers.item(-1) != old.stored):
        raise _malformed()


def _malformed() -> NeighborError:
    """Return the error for a list that the kernels cannot read."""
    return NeighborError(
        "rows that leave the list, or neighbors that are no atoms",
        expected="counts or a row pointer that fit, and indices from 0 to the number of atoms",
        who="neighbor list",
        fix="check how the list was made with alchemi_core.neighbors.validity.check_list",
    )


def _room(totals: NDArray[np.int64], need: NeighborConfig) -> Layout:
    """Make room for rows with so many entries; refuse what does not fit."""
    if need.format is NeighborListFormat.COO:
        pointers = np.zeros(totals.shape[0] + 1, np.int64)
        totals.cumsum(out=pointers[1:])
        check_countable(pointers.item(-1), need.index_dtype)
        return new_pairs(pointers, need.index_dtype)
    most = int(totals.max()) if totals.shape[0] else 0
    if need.width is not None and most > need.width:
        raise overflow(int(totals.argmax()), most, need.width)
    width = most if need.width is None else need.width
    check_addressable(totals.shape[0], width)
    return new_matrix(totals, width, need.index_dtype)


def _write(old: Layout, new: Layout, parts: list[Part], chosen: Chosen) -> None:
    """Run the second pass."""
    cursors = _cursors(new, chosen)

    def work(k: int) -> None:
        copy_rows(parts[k].first, parts[k].last, *old, chosen.counts, chosen.kept[k], *new, cursors[k])

    each(work, len(parts))


def _cursors(new: Layout, chosen: Chosen) -> list[NDArray[np.int64]]:
    """For each part, where each atom's first new pair goes: behind those of the rows before that part."""
    if not chosen.doubled:
        return chosen.returns
    rows = chosen.counts.shape[0]
    starts = new.pointers[:-1] if new.pitch < 0 else np.arange(rows) * new.pitch
    cursors = [starts + chosen.counts]
    for returned in chosen.returns[:-1]:
        cursors.append(cursors[-1] + returned)
    return cursors
