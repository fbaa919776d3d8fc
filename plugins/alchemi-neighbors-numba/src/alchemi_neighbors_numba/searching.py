"""The kernels that find all pairs of small systems, by trying every pair of atoms with each image that may be in reach.

Along direction k, atom m is seen from atom n at the fraction ``w = u_m − u_n`` of a cell, and its image S at ``w + S``.
Images within reach have ``|w + S| ≤ h``, h being the cells that the reach spans: at most ``⌊2 h⌋ + 1`` of them, from
``⌊h − w⌋`` downwards. All atoms m are tried for one atom n and one of these places at a time: such loops run on several
numbers at once.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from alchemi_neighbors_numba.compiling import compiled, inlined

Integers: TypeAlias = NDArray[np.signedinteger[Any]]
Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]
Index: TypeAlias = Any  # np.uintp; range() makes it an int for type checkers
Lattice: TypeAlias = tuple[float, float, float, float, float, float, float, float, float]

_U: Any = np.uintp
_I: Any = np.int64  # int() of an unsigned number stays unsigned for numba
_0, _1, _2, _3, _4, _5 = _U(0), _U(1), _U(2), _U(3), _U(4), _U(5)


@inlined
def _aim(
    i: Index, size: Index, span: float, places: Floats, fractions: Floats, away: Floats, ahead: Floats, top: Floats
) -> None:
    """Along one axis, write how far atoms from i on are from it, and the highest shifts that may bring them near."""
    here, inside, outside = places[i], fractions[i], away[i]
    for k in range(size):
        m = i + k
        ahead[k] = places[m] - here
        top[k] = np.floor(span - (fractions[m] - inside)) + (outside - away[m])


@inlined
def _near(
    size: Index,
    x: Floats,
    y: Floats,
    z: Floats,
    s: Floats,
    t: Floats,
    u: Floats,
    a: float,
    b: float,
    c: float,
    lattice: Lattice,
    limit: float,
    squares: Floats,
    near: Integers,
) -> Index:
    """List the atoms with an image near by; distances have the roundings of the core's `exact_squared`."""
    ax, ay, az, bx, by, bz, cx, cy, cz = lattice
    for k in range(size):
        f, g, h = s[k] - a, t[k] - b, u[k] - c
        east = ((x[k] + f * ax) + g * bx) + h * cx
        north = ((y[k] + f * ay) + g * by) + h * cy
        up = ((z[k] + f * az) + g * bz) + h * cz
        squares[k] = (east * east + north * north) + up * up
    found = _0
    for k in range(size):
        near[found] = k
        found += _U(squares[k] < limit)
    return found


@inlined
def _is_upper(a: int, b: int, c: int) -> bool:
    """Whether a shift, rather than its opposite, stands for the two images it takes an atom to."""
    return a > 0 or (a == 0 and (b > 0 or (b == 0 and c > 0)))


@inlined
def _append(
    i: Index,
    a: int,
    b: int,
    c: int,
    new: Index,
    near: Integers,
    s: Floats,
    t: Floats,
    u: Floats,
    counts: Integers,
    words: Integers,
    used: Index,
) -> Index:
    """Append and count the pairs of atom i at some places; return how many there are by now."""
    for k in range(new):
        m = _U(near[k])
        e, f, g = int(s[m]) - a, int(t[m]) - b, int(u[m]) - c
        if m == _0 and not _is_upper(e, f, g):
            continue
        p = _5 * used
        words[p], words[p + _1], words[p + _2], words[p + _3], words[p + _4] = i, i + m, e, f, g
        used += _1
        counts[i] += 1
        counts[i + m] += 1
    return used


@inlined
def _lattice(cells: Floats, system: int) -> Lattice:
    """Vectors of a system, one after the other."""
    c = cells[system]
    return c[0, 0], c[0, 1], c[0, 2], c[1, 0], c[1, 1], c[1, 2], c[2, 0], c[2, 1], c[2, 2]


@compiled
def search(
    row: int,
    last: int,
    systems: Integers,
    pointers: Integers,
    px: Floats,
    py: Floats,
    pz: Floats,
    fx: Floats,
    fy: Floats,
    fz: Floats,
    ox: Floats,
    oy: Floats,
    oz: Floats,
    cells: Floats,
    spans: Floats,
    chosen: Flags,
    most: int,
    reach: float,
    counts: Integers,
    words: Integers,
) -> tuple[int, int]:
    """Find the pairs of each atom with those after it in its system, and with its own images, in one direction.

    Parameters
    ----------
    row, last : int
        Atoms i to look at, `last` not included.
    systems, pointers, px, py, pz, fx, fy, fz, ox, oy, oz, cells, spans
        As in `Frames`: systems of atoms, atom offsets, places, fractions, cells outside, lattices, cells within reach.
    chosen : ndarray [B], bool
        Systems to search; atoms of others are passed over.
    most : int
        Atoms of the largest chosen system.
    reach : float, Å
        Pairs strictly closer are found.
    counts : ndarray [N], int64
        Added to: pairs of each atom, as the first one or as the second.
    words : ndarray [5 R], int32
        Written: i, j and S of one pair after the other. Room for all atoms of a system and their images is enough.

    Returns
    -------
    row : int
        The first atom that was not looked at, since there might not be room enough; or `last`.
    pairs : int
        Pairs found of those before.
    """
    limit, used, room = reach * reach, _0, words.shape[0] // 5
    x, y, z, squares = np.empty(most), np.empty(most), np.empty(most), np.empty(most)
    s, t, u, near = np.empty(most), np.empty(most), np.empty(most), np.empty(most, np.int32)
    while row < last:
        i, system = _U(row), systems[row]
        size = _U(pointers[system + 1] - row) if chosen[system] else _0
        wide, deep, high = spans[system, 0], spans[system, 1], spans[system, 2]
        places, floors, layers = int(2.0 * wide) + 1, int(2.0 * deep) + 1, int(2.0 * high) + 1
        if _I(used) + _I(size) * places * floors * layers > room:
            break
        _aim(i, size, wide, px, fx, ox, x, s)
        _aim(i, size, deep, py, fy, oy, y, t)
        _aim(i, size, high, pz, fz, oz, z, u)
        lattice = _lattice(cells, system)
        for a in range(places):
            for b in range(floors):
                for c in range(layers):
                    new = _near(size, x, y, z, s, t, u, float(a), float(b), float(c), lattice, limit, squares, near)
                    used = _append(i, a, b, c, new, near, s, t, u, counts, words, used)
        row += 1
    return row, _I(used)


@compiled
def spread(words: Integers, used: int, cursors: Integers, pairs: Integers, shifts: Integers) -> None:
    """Write both directions of each pair, each where its first atom's cursor stands.

    Parameters
    ----------
    words, used
        Pairs as `search` writes them.
    cursors : ndarray [N], int64
        Where the next pair of each atom goes; moved on.
    pairs : ndarray [2 E], int32
        Written.
    shifts : ndarray [3 E], int32
        Written.
    """
    for k in range(_U(used)):
        source = _5 * k
        i, j = words[source], words[source + _1]
        here, there = _U(cursors[i]), _U(cursors[j])
        if i == j:
            there += _1
        cursors[i] += 1
        cursors[j] += 1
        pairs[_2 * here], pairs[_2 * here + _1] = i, j
        pairs[_2 * there], pairs[_2 * there + _1] = j, i
        for axis in range(_3):
            shift = words[source + _2 + axis]
            shifts[_3 * here + axis], shifts[_3 * there + axis] = shift, -shift
