"""Placing: a structure as it was given, with positions, cell and results of a state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from ase.calculators.singlepoint import SinglePointCalculator

if TYPE_CHECKING:
    from ase import Atoms
    from torch import Tensor


def placed(structure: Atoms, positions: np.ndarray, **results: Any) -> Atoms:
    """Return a copy of a structure with atoms elsewhere, constraints or not, and results where there are any."""
    atoms: Atoms = structure.copy()
    atoms.set_positions(positions, apply_constraint=False)
    if results:
        atoms.calc = SinglePointCalculator(atoms, **results)
    return atoms


def as_array(tensor: Tensor) -> np.ndarray:
    """Return a tensor as an array of doubles on the CPU."""
    array: np.ndarray = tensor.detach().cpu().double().numpy().copy()
    return array


def right_handed(structure: Atoms) -> Atoms:
    """Return a copy whose lattice vectors are right-handed: TorchSim takes the determinant of a cell for its volume."""
    atoms: Atoms = structure.copy()
    atoms.set_cell(atoms.cell.array[order(structure)])
    atoms.pbc = atoms.pbc[order(structure)]
    return atoms


def order(structure: Atoms) -> list[int]:
    """Return the order of lattice vectors that makes them right-handed, which is also the way back."""
    return [1, 0, 2] if np.linalg.det(structure.cell.array) < 0.0 else [0, 1, 2]
