"""What the search for pairs has to know of each system: where atoms lie in their cell, and how far images reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from alchemi_core.data.batch import Batch

Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]
Axes: TypeAlias = tuple[Floats, Floats, Floats]

FARTHEST = 2.0**29
"""Cells by which atoms may lie outside: the core's builder refuses more, so that shifts fit int32."""

_NEXT, _AFTER = [1, 2, 0], [2, 0, 1]


@attrs.frozen(eq=False)
class Frames:
    """Systems of a batch, seen from within their cells.

    Parameters
    ----------
    systems : ndarray [N], int64
        System of each atom.
    pointers : ndarray [B+1], int64
        Atom offsets.
    places : three ndarrays [N], Å
        Positions as given, axis by axis.
    fractions : three ndarrays [N]
        Where an atom lies in its cell along each lattice vector, 0 to 1; 0 where a direction is open.
    away : three ndarrays [N]
        By how many whole cells it lies outside.
    cells : ndarray [B, 3, 3], Å
        Lattice vectors as rows, zero where a direction is open.
    spans : ndarray [B, 3]
        Cells within reach along each direction, with a margin for roundings.
    """

    systems: NDArray[np.int64]
    pointers: NDArray[np.int64]
    places: Axes
    fractions: Axes
    away: Axes
    cells: Floats
    spans: Floats

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Atoms of each system [B]."""
        return np.diff(self.pointers)

    @property
    def images(self) -> Floats:
        """How many places an image of an atom may have that is near another, per system [B]."""
        images: Floats = (np.floor(2.0 * self.spans) + 1.0).prod(axis=1)
        return images


def frames_of(batch: Batch, reach: float) -> Frames:
    """Look at a batch whose positions and lattices are sound.

    Parameters
    ----------
    batch : Batch
        On the CPU.
    reach : float, Å
        Largest distance of interest.
    """
    systems = np.ascontiguousarray(batch.batch_idx.numpy())
    pointers = np.asarray(batch.ptr, np.int64)
    positions = batch.positions.detach().double().numpy()
    cells, pbc = _lattices(batch)
    reciprocals, skews = _reciprocals(cells, pbc)
    along = np.einsum("nc,nkc->kn", positions, reciprocals[systems])
    away = np.floor(along)
    farthest = largest(np.abs(away).max(axis=0), pointers)[:, None]
    spans = reach * np.linalg.norm(reciprocals, axis=2)
    # Generous with roundings: an image too many costs a moment, and its exact distance decides.
    spans += 1e-13 * skews * (1.0 + spans + farthest)
    return Frames(
        systems,
        pointers,
        _axes(np.ascontiguousarray(positions.T)),
        _axes(along - away),
        _axes(away),
        cells,
        np.where(pbc, spans, 0.0),
    )


def _axes(rows: Floats) -> Axes:
    x, y, z = rows
    return x, y, z


def largest(values: Floats, pointers: NDArray[np.int64]) -> Floats:
    """Return the largest value [B] among the atoms of each system; 0 for a system without atoms.

    Parameters
    ----------
    values : ndarray [N]
        One number per atom.
    pointers : ndarray [B+1]
        Atom offsets.
    """
    result = np.zeros(pointers.shape[0] - 1)
    filled = pointers[1:] > pointers[:-1]
    if filled.any():
        result[filled] = np.maximum.reduceat(values, pointers[:-1][filled])
    return result


def _lattices(batch: Batch) -> tuple[Floats, Flags]:
    """Cells [B, 3, 3], zero where a direction is open, and periodic directions [B, 3]."""
    if batch.cell is None or batch.pbc is None:
        return np.zeros((batch.num_systems, 3, 3)), np.zeros((batch.num_systems, 3), np.bool_)
    pbc = batch.pbc.numpy()
    return np.where(pbc[:, :, None], batch.cell.detach().double().numpy(), 0.0), pbc


def _reciprocals(cells: Floats, pbc: Flags) -> tuple[Floats, Floats]:
    """Vectors g_k [B, 3, 3], 1/Å, so that ``r · g_k`` counts cells along direction k, and how ill-conditioned they are.

    They lie in the span of the periodic vectors, and are zero where a direction is open. The condition [B, 1] is 1 over
    the volume, or area, that the unit vectors span.
    """
    lengths = np.linalg.norm(cells, axis=2, keepdims=True)
    lengths[lengths == 0.0] = 1.0
    units = cells / lengths
    closed, periodic = pbc[:, :, None], pbc.sum(axis=1)[:, None, None]
    box = np.where(~closed & (periodic == 2), _normals(units), units)
    normals = _normals(box)
    volumes = np.where(periodic >= 2, (box * normals).sum(axis=2)[:, :1, None], 1.0)
    inverse = np.where(periodic == 1, units, normals / volumes)
    return np.where(closed, inverse / lengths, 0.0), 1.0 / np.abs(volumes[:, :, 0])


def _normals(vectors: Floats) -> Floats:
    """For each vector, the product of the next two."""
    return np.cross(vectors[:, _NEXT], vectors[:, _AFTER])
