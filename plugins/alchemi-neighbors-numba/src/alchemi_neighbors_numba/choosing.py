"""The kernel that chooses which entries of a list stay, row by row.

Both layouts are read as flat arrays. Entry p of a list names its atom at ``p * stride + stride - 1``: pairs
have a stride of 2, a matrix has 1. Row i starts at ``pointers[i]`` in pairs, which have a pitch of −1, and at
``i * pitch`` in a matrix. Numbers are unsigned where they can be: numba then leaves out what negative indices need.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from alchemi_neighbors_numba.compiling import compiled, inlined

Integers: TypeAlias = NDArray[np.signedinteger[Any]]
Floats: TypeAlias = NDArray[np.float64]
Index: TypeAlias = Any  # np.uintp; range() makes it an int for type checkers
Lattice: TypeAlias = tuple[float, float, float, float, float, float, float, float, float]

MALFORMED = -1
"""What `choose` returns for rows that leave the list, and for atoms that are none of the batch."""

_U: Any = np.uintp
_I: Any = np.int64  # int() of an unsigned number stays unsigned for numba
_0, _1, _2, _3 = _U(0), _U(1), _U(2), _U(3)
# Pairs whose distances are taken together: few enough that they stay in the processor's first cache.
_BLOCK = _U(256)


@inlined
def _differences(
    p: Index, size: Index, i: Index, atoms: Integers, stride: Index, positions: Floats, x: Floats, y: Floats, z: Floats
) -> bool:
    """Write ``r_j − r_i`` of some entries; return whether every atom exists."""
    known = True
    here, there, above = positions[_3 * i], positions[_3 * i + _1], positions[_3 * i + _2]
    place = p * stride + stride - _1
    for k in range(size):
        j = _3 * _U(atoms[place])
        place += stride
        if j >= _U(positions.shape[0]):
            known = False
            j = _0
        x[k], y[k], z[k] = positions[j] - here, positions[j + _1] - there, positions[j + _2] - above
    return known


@inlined
def _lattice(cells: Floats, system: int) -> Lattice:
    """Vectors of a system, one after the other; zeros where there is no cell."""
    if cells.shape[0] == 0:
        return 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    c = cells[system]
    return c[0, 0], c[0, 1], c[0, 2], c[1, 0], c[1, 1], c[1, 2], c[2, 0], c[2, 1], c[2, 2]


@inlined
def _squares(p: Index, size: Index, shifts: Integers, lattice: Lattice, x: Floats, y: Floats, z: Floats) -> None:
    """Turn x into ``|r_j − r_i + S @ cell|²``, with the roundings of the core's `exact_squared`."""
    some = shifts[_3 * p] & 0
    for q in range(_3 * p, _3 * (p + size)):
        some |= shifts[q]
    if some == 0:
        for k in range(size):
            x[k] = (x[k] * x[k] + y[k] * y[k]) + z[k] * z[k]
        return
    ax, ay, az, bx, by, bz, cx, cy, cz = lattice
    for k in range(size):
        q = _3 * (p + k)
        a, b, c = np.float64(shifts[q]), np.float64(shifts[q + _1]), np.float64(shifts[q + _2])
        east = ((x[k] + a * ax) + b * bx) + c * cx
        north = ((y[k] + a * ay) + b * by) + c * cy
        up = ((z[k] + a * az) + b * bz) + c * cz
        x[k] = (east * east + north * north) + up * up


@inlined
def _append_nearer(size: Index, begin: Index, squares: Floats, limit: float, kept: Integers, written: Index) -> Index:
    """Append the columns that are near enough; every column is written, and some are then written over."""
    for k in range(size):
        kept[written] = begin + k
        written += _U(squares[k] < limit)
    return written


@inlined
def _near(
    p: Index,
    size: Index,
    i: Index,
    atoms: Integers,
    stride: Index,
    shifts: Integers,
    positions: Floats,
    lattice: Lattice,
    limit: float,
    x: Floats,
    y: Floats,
    z: Floats,
    kept: Integers,
    end: Index,
) -> tuple[Index, bool]:
    """Append the columns of a row that are near enough; return the new end, and whether every atom exists."""
    known = True
    for block in range(_0, size, _BLOCK):
        part = min(_BLOCK, size - block)
        known &= _differences(p + block, part, i, atoms, stride, positions, x, y, z)
        _squares(p + block, part, shifts, lattice, x, y, z)
        end = _append_nearer(part, block, x, limit, kept, end)
    return end, known


@inlined
def _all(size: Index, kept: Integers, end: Index) -> Index:
    """Append all columns of a row; return the new end."""
    for k in range(size):
        kept[end + k] = k
    return end + size


@inlined
def _is_upper(i: Index, j: Index, a: int, b: int, c: int) -> bool:
    """Whether a half list has this direction of a pair: the core's `halves` says which."""
    return bool(i < j or (i == j and (a > 0 or (a == 0 and (b > 0 or (b == 0 and c > 0))))))


@inlined
def _halve(
    start: Index, i: Index, atoms: Integers, stride: Index, shifts: Integers, kept: Integers, begin: Index, end: Index
) -> Index:
    """Keep one direction of each pair among the columns ``kept[begin:end]``; return the new end."""
    written = begin
    for t in range(begin, end):
        p = start + _U(kept[t])
        j, q = _U(atoms[p * stride + stride - _1]), _3 * p
        kept[written] = kept[t]
        written += _U(_is_upper(i, j, shifts[q], shifts[q + _1], shifts[q + _2]))
    return written


@inlined
def _count_returns(
    start: Index, atoms: Integers, stride: Index, kept: Integers, begin: Index, end: Index, returns: Integers
) -> bool:
    """Count, for each atom, the kept pairs that end there, if asked for; return whether every atom exists."""
    if returns.shape[0] == 0:
        return True
    for t in range(begin, end):
        j = _U(atoms[(start + _U(kept[t])) * stride + stride - _1])
        if j >= _U(returns.shape[0]):
            return False
        returns[j] += 1
    return True


@inlined
def _fits(start: int, count: int, pitch: int, stored: int, room: int) -> bool:
    """Whether a row lies within the list, and its columns in the room that is left for them."""
    return start >= 0 and 0 <= count <= room and start + count <= stored and (pitch < 0 or count <= pitch)


@compiled
def choose(
    first: int,
    last: int,
    pointers: Integers,
    pitch: int,
    atoms: Integers,
    stride: Index,
    shifts: Integers,
    positions: Floats,
    systems: Integers,
    cells: Floats,
    limit: float,
    halve: bool,  # noqa: FBT001 - kernels take positional arguments only
    counts: Integers,
    kept: Integers,
    returns: Integers,
) -> int:
    """Choose the entries of rows ``first:last`` that the result has.

    Parameters
    ----------
    first, last : int
        Rows to look at.
    pointers : ndarray [N+1] or [N]
        Row pointer of pairs, or entries per row of a matrix.
    pitch : int
        Columns of a matrix; −1 for pairs.
    atoms : ndarray [2 E] or [N K]
        The pairs, or the matrix.
    stride : uintp
        2 for pairs, 1 for a matrix.
    shifts : ndarray [3 E] or [3 N K]
        Cell shifts S.
    positions : ndarray [3 N], Å
        Of now.
    systems : ndarray [N]
        System of each atom.
    cells : ndarray [B, 3, 3], Å
        Lattice vectors as rows; [0, 3, 3] where there is no cell.
    limit : float, Å²
        Squared cutoff; below zero, distances are not taken.
    halve : bool
        Whether to drop one of two directions.
    counts : ndarray [N]
        Written: kept entries per row.
    kept : ndarray [as many as there are entries in these rows], int32
        Written: columns of the kept entries, row after row.
    returns : ndarray [N], or [0] for none, int64
        Written: how many kept pairs end at each atom; zeros before.

    Returns
    -------
    int
        How many entries are kept; `MALFORMED` if the list is not well formed.
    """
    stored = shifts.shape[0] // 3
    x, y, z = np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK)
    end, known = _0, True
    for row in range(first, last):
        start = row * pitch if pitch >= 0 else pointers[row]
        count = pointers[row] if pitch >= 0 else pointers[row + 1] - start
        if not _fits(start, count, pitch, stored, kept.shape[0] - _I(end)):
            return MALFORMED
        i, p, size, begin = _U(row), _U(start), _U(count), end
        if limit < 0.0:
            end = _all(size, kept, begin)
        else:
            lattice = _lattice(cells, systems[row])
            end, known = _near(p, size, i, atoms, stride, shifts, positions, lattice, limit, x, y, z, kept, begin)
        if halve:
            end = _halve(p, i, atoms, stride, shifts, kept, begin, end)
        if not (known and _count_returns(p, atoms, stride, kept, begin, end, returns)):
            return MALFORMED
        counts[row] = end - begin
    chosen: int = _I(end)
    return chosen
