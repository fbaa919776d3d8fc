"""Boxes: lattice vectors for structures that lack some, since TorchSim divides by volumes and inverts cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np
from ase.geometry import complete_cell

if TYPE_CHECKING:
    from ase import Atoms

MARGIN = 3.0
"""Å around the atoms, in directions that are made up."""

FLAT = 1e-6
"""Volume over the product of lengths, under which vectors count as linearly dependent."""


@attrs.frozen(eq=False)
class Box:
    """Three lattice vectors.

    Parameters
    ----------
    cell : ndarray [3, 3], Å
        Rows, linearly independent.
    vectors : ndarray [3], bool
        Those that the structure has itself.
    """

    cell: np.ndarray
    vectors: np.ndarray


def boxed(atoms: Atoms) -> Box:
    """Return the cell of a structure, what it lacks filled up: normal to the rest and as long as the atoms reach."""
    cell = np.array(atoms.cell.array)
    has: np.ndarray = np.any(cell != 0.0, axis=1)
    if has.all() and _is_flat(cell):
        has = np.array(atoms.pbc)
        cell[~has] = 0.0
    full = complete_cell(cell)
    reach = np.ptp(atoms.positions @ full[~has].T, axis=0) + MARGIN if len(atoms) else MARGIN
    full[~has] *= np.reshape(reach, (-1, 1))
    return Box(full, has)


def _is_flat(cell: np.ndarray) -> bool:
    lengths = np.linalg.norm(cell, axis=1)
    return bool(abs(np.linalg.det(cell)) < FLAT * lengths.prod())
