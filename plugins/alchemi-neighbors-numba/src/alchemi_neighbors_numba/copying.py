"""The kernel that writes chosen entries of one list into another, row by row."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from alchemi_neighbors_numba.compiling import compiled, inlined

Integers: TypeAlias = NDArray[np.signedinteger[Any]]
Index: TypeAlias = Any  # np.uintp; range() makes it an int for type checkers

_U: Any = np.uintp
_0, _1, _2, _3 = _U(0), _U(1), _U(2), _U(3)


@inlined
def _forward(
    p: Index,
    size: Index,
    kept: Integers,
    t: Index,
    atoms: Integers,
    stride: Index,
    shifts: Integers,
    q: Index,
    new_atoms: Integers,
    new_stride: Index,
    new_shifts: Integers,
) -> None:
    """Write entries of a row from place q on: the kept ones, or all of them where nothing says which."""
    everything = kept.shape[0] == 0
    for k in range(size):
        source = p + k if everything else p + _U(kept[t + k])
        place = q + k
        new_atoms[place * new_stride + new_stride - _1] = atoms[source * stride + stride - _1]
        new_shifts[_3 * place] = shifts[_3 * source]
        new_shifts[_3 * place + _1] = shifts[_3 * source + _1]
        new_shifts[_3 * place + _2] = shifts[_3 * source + _2]


@inlined
def _back(
    row: int,
    begin: Index,
    end: Index,
    new_atoms: Integers,
    new_stride: Index,
    new_shifts: Integers,
    cursors: Integers,
) -> None:
    """Write the other direction of each new entry ``begin:end`` of a row, where its second atom's cursor stands."""
    for place in range(begin, end):
        j = _U(new_atoms[place * new_stride + new_stride - _1])
        q = _U(cursors[j])
        cursors[j] += 1
        new_atoms[q * new_stride + new_stride - _1] = row
        if new_stride == _2:
            new_atoms[_2 * q] = j
        for axis in range(_3):
            new_shifts[_3 * q + axis] = -new_shifts[_3 * place + axis]


@compiled
def copy_rows(
    first: int,
    last: int,
    pointers: Integers,
    pitch: int,
    atoms: Integers,
    stride: Index,
    shifts: Integers,
    counts: Integers,
    kept: Integers,
    new_pointers: Integers,
    new_pitch: int,
    new_atoms: Integers,
    new_stride: Index,
    new_shifts: Integers,
    cursors: Integers,
) -> None:
    """Write rows ``first:last`` of the new list.

    Parameters
    ----------
    first, last : int
        Rows to write.
    pointers, pitch, atoms, stride, shifts
        The list to read, as `choose` reads it.
    counts : ndarray [N]
        Entries of each row to write.
    kept : ndarray, int32
        Their columns, row after row from `first` on; none at all where all are written.
    new_pointers, new_pitch, new_atoms, new_stride, new_shifts
        The list to write, laid out like the other one; the rest of a matrix's rows is padded.
    cursors : ndarray [N], or [0] for none, int64
        Where the next pair that ends at each atom is written in its other direction; moved on.
    """
    t, padding = _0, pointers.shape[0] - (pitch < 0)
    for row in range(first, last):
        size = _U(counts[row])
        p = _U(row * pitch if pitch >= 0 else pointers[row])
        q = _U(row * new_pitch if new_pitch >= 0 else new_pointers[row])
        _forward(p, size, kept, t, atoms, stride, shifts, q, new_atoms, new_stride, new_shifts)
        t += size
        if new_pitch < 0:
            for place in range(q, q + size):
                new_atoms[_2 * place] = row
        else:
            for place in range(q + _U(new_pointers[row]), q + _U(new_pitch)):
                new_atoms[place] = padding
                for axis in range(_3):
                    new_shifts[_3 * place + axis] = 0
        if cursors.shape[0] > 0:
            _back(row, q, q + size, new_atoms, new_stride, new_shifts, cursors)
