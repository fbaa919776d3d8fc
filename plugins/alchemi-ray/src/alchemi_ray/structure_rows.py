"""Structures as rows of a table, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms

from alchemi_ray.atomic_numbers import whole_numbers
from alchemi_ray.constraints import constraints_of, constraints_text
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
        "constraints": constraints_text(atoms),
    }


def atoms_of(row: Mapping[str, Any]) -> Atoms:
    """Make the structure of a row; columns beside ``numbers`` and ``positions`` may be missing or null.

    Parameters
    ----------
    row : mapping
        Of Arrow, as ``to_pylist`` gives it, or of pandas.

    Raises
    ------
    InputFileError
        If an atomic number is of no element.
    ValueError, TypeError
        If the row holds no structure.
    """
    numbers = whole_numbers(row["numbers"])
    positions = _vectors(row["positions"])
    if len(numbers) != len(positions):
        raise ValueError(f"{len(numbers)} atomic numbers and {len(positions)} positions")
    cell, pbc = row.get("cell"), row.get("pbc")
    atoms = Atoms(
        numbers=numbers,
        positions=positions,
        cell=None if cell is None else _vectors(cell).reshape(3, 3),
        pbc=False if pbc is None else pbc,
        info=values_of(row.get("info")),
        constraint=constraints_of(row.get("constraints")),
    )
    for name, values in values_of(row.get("arrays")).items():
        atoms.set_array(name, np.asarray(values))
    return atoms


def _vectors(values: Any) -> np.ndarray:
    """Return numbers, or rows of three numbers, which pandas has as arrays within an array, as [n, 3]."""
    return np.array([np.asarray(one, dtype=np.float64) for one in values]).reshape(-1, 3)
