"""Pairs of one system by vesin's cell list, in a box that it can handle whatever the system looks like."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np
import torch
from numpy.typing import NDArray
from vesin import NeighborList as VesinList

from alchemi_core.errors import GeometryError

if TYPE_CHECKING:
    from collections.abc import Sequence

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int32]
Flags: TypeAlias = NDArray[np.bool_]
Numbers: TypeAlias = NDArray[np.int64]

# vesin divides the box into at most this many bins; beyond, it scales the three counts down together, and a count
# that reaches zero ends the process with a division by zero (seen with 0.6.2 and a sheet of 1000 Å at 1.5 Å).
_MAX_BINS = 1e5
_FEWEST_BINS = 4.0
_FAR_CELLS = 1000.0
_MOST_CELLS = 2.0**29


@attrs.frozen(eq=False)
class SystemPairs:
    """Pairs of one system.

    Parameters
    ----------
    atoms : ndarray [E, 2], int32
        Columns i and j, in no particular order.
    shifts : ndarray [E, 3], int32
        Cell shifts S.
    unsure : ndarray [U], int64
        Which pairs are at the edge, where rounding decides, or beyond.
    """

    atoms: Integers
    shifts: Integers
    unsure: Numbers

    @classmethod
    def none(cls) -> SystemPairs:
        """No pairs."""
        return cls(np.zeros((0, 2), np.int32), np.zeros((0, 3), np.int32), np.zeros(0, np.int64))

    def moved(self, start: int) -> SystemPairs:
        """Number the atoms from `start` on."""
        return attrs.evolve(self, atoms=self.atoms + np.int32(start)) if start else self

    @classmethod
    def joined(cls, parts: Sequence[SystemPairs]) -> SystemPairs:
        """Put the pairs of several systems one after the other."""
        if len(parts) == 1:
            return parts[0]
        before = np.cumsum([0, *(len(part.atoms) for part in parts)])
        return cls(
            np.concatenate([cls.none().atoms, *(part.atoms for part in parts)]),
            np.concatenate([cls.none().shifts, *(part.shifts for part in parts)]),
            np.concatenate([cls.none().unsure, *(part.unsure + n for part, n in zip(parts, before, strict=False))]),
        )


def pairs_in_box(positions: Floats, cell: Floats, pbc: Flags, reach: float) -> SystemPairs:
    """Find all pairs of one system within `reach`, and some at its very edge or beyond, which are marked.

    Parameters
    ----------
    positions : ndarray [n, 3], Å
        At least one atom; need not be wrapped.
    cell : ndarray [3, 3], Å
        Rows; those of directions that are not periodic are not read.
    pbc : ndarray [3], bool
        Periodic directions.
    reach : float, Å
        Largest distance of interest.

    Raises
    ------
    GeometryError
        If an atom lies more than 2²⁹ cells away, so that shifts do not fit int32.
    """
    margin = 1e-9 * reach + 1e-13 * float(np.abs(positions).max() + np.abs(cell).max())
    box, inside = (cell, positions) if pbc.all() else _open_box(positions, cell, pbc, reach + margin)
    inverse = np.asarray(np.linalg.inv(box), dtype=np.float64)
    cells_away = _cells_away(inside, inverse, pbc)
    if cells_away is not None:
        inside = inside - cells_away @ box
    atoms, shifts, distances = _search(inside, box, _search_radius(inverse, reach + margin))
    if cells_away is not None:
        away = cells_away.astype(np.int32)
        shifts = shifts + away[atoms[:, 0]] - away[atoms[:, 1]]
    return SystemPairs(atoms, shifts, np.flatnonzero(distances > reach - margin))


def _search(positions: Floats, box: Floats, radius: float) -> tuple[Integers, Integers, Floats]:
    """Run vesin; its arrays are copied, since they are views of memory that it frees."""
    finder = VesinList(cutoff=radius, full_list=True, sorted=False, n_threads=torch.get_num_threads())
    atoms, shifts, distances = finder.compute(positions, box, periodic=True, quantities="PSd", copy=False)
    return atoms.astype(np.int32), shifts.astype(np.int32), distances.copy()


def _open_box(positions: Floats, cell: Floats, pbc: Flags, reach: float) -> tuple[Floats, Floats]:
    """Complete the box by vectors normal to the periodic ones, and put the atoms into it.

    The vectors are so long that no image comes within reach, so the box can be searched as if it were periodic: for a
    system periodic along one direction alone this takes vesin 0.6.2 a fraction of a millisecond instead of a minute.
    """
    normals = _normals(cell[pbc])
    along = positions @ normals.T
    start = along.min(axis=0)
    if np.prod(np.maximum((along.max(axis=0) - start) / reach, 1.0)) > _MAX_BINS:
        closed = np.stack([_without_gaps(column, reach) for column in along.T], axis=1)
        positions = positions + (closed - along) @ normals
        along, start = closed, closed.min(axis=0)
    extent = along.max(axis=0) - start
    box = cell.copy()
    box[~pbc] = normals * (extent + 2.0 * reach)[:, None]
    return box, positions - start @ normals


def _normals(periodic: Floats) -> Floats:
    """Orthonormal vectors that span what the periodic lattice vectors leave open."""
    if len(periodic) == 0:
        return np.eye(3)
    return np.linalg.qr(periodic.T, mode="complete")[0].T[len(periodic) :]


def _without_gaps(along: Floats, reach: float) -> Floats:
    """Narrow empty stretches to twice the reach: no pair crosses one, and far atoms cost no empty bins."""
    order = np.argsort(along)
    excess = np.maximum(np.diff(along[order], prepend=along[order[0]]) - 2.0 * reach, 0.0)
    closed = np.empty_like(along)
    closed[order] = along[order] - np.cumsum(excess)
    return closed


def _cells_away(positions: Floats, inverse: Floats, pbc: Flags) -> Floats | None:
    """Whole cells by which atoms lie outside, where they are so many that bin numbers would leave int32."""
    away = np.floor(positions @ inverse) * pbc
    most = float(np.abs(away).max())
    if most <= _FAR_CELLS:
        return None
    if most > _MOST_CELLS:
        atom = int(np.abs(away).max(axis=1).argmax())
        raise GeometryError(
            f"atom {atom} of its system lies {most:.3g} cells away from the cell",
            expected="shifts that fit int32",
            who="positions",
            fix="wrap the positions into the cell",
        )
    return away


def _search_radius(inverse: Floats, reach: float) -> float:
    """Smallest radius from `reach` on for which vesin's bins work out."""
    heights = 1.0 / np.linalg.norm(inverse, axis=0)
    radius = reach
    while _bins_fail(np.maximum(heights // radius, 1.0)):
        radius *= 1.25
    return radius


def _bins_fail(bins: Floats) -> bool:
    total = float(np.prod(bins))
    return total > _MAX_BINS and float(bins.min()) * float(np.cbrt(_MAX_BINS / total)) < _FEWEST_BINS
