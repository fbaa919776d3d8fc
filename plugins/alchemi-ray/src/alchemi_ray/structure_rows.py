"""Structures as rows of a table, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms

from alchemi_ray.digests import arrays_text, info_text, values_of

if TYPE_CHECKING:
    from collections.abc import Mapping


def row_of(atoms: Atoms) -> dict[str, Any]:
    """Return the columns of `alchemi_ray.layout` that describe a structure."""
    return {
        "numbers": atoms.numbers.tolist(),
        "positions": atoms.positions.tolist(),
        "cell": atoms.cell.array.tolist(),
        "pbc": atoms.pbc.tolist(),
        "info": info_text(atoms),
        "arrays": arrays_text(atoms),
    }


def atoms_of(row: Mapping[str, Any]) -> Atoms:
    """Make the structure of a row; columns beside ``numbers`` and ``positions`` may be missing or null.

    Raises
    ------
    ValueError, TypeError
        If the row holds no structure.
    """
    numbers = np.asarray(row["numbers"], dtype=np.int64)
    positions = np.asarray(row["positions"], dtype=np.float64).reshape(-1, 3)
    if len(numbers) != len(positions):
        raise ValueError(f"{len(numbers)} atomic numbers and {len(positions)} positions")
    cell, pbc = row.get("cell"), row.get("pbc")
    atoms = Atoms(
        numbers=numbers,
        positions=positions,
        cell=None if cell is None else np.asarray(cell, dtype=np.float64).reshape(3, 3),
        pbc=False if pbc is None else pbc,
        info=values_of(row.get("info")),
    )
    for name, values in values_of(row.get("arrays")).items():
        atoms.set_array(name, np.asarray(values))
    return atoms
