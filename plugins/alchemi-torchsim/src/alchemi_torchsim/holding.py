"""Constraints: which coordinates of a structure may move. Those that cannot be honoured are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ase.constraints import FixAtoms, FixCartesian

from alchemi_core.errors import DataError

if TYPE_CHECKING:
    from ase import Atoms

HONOURED = "FixAtoms and FixCartesian, where the cell stays as it is"


def free_coordinates(atoms: Atoms, *, cell_moves: bool) -> np.ndarray:
    """Return which coordinates may move: ndarray [n, 3], bool.

    Raises
    ------
    DataError
        If a constraint is another one, or the cell moves and there is any: held atoms would move with it.
    """
    free = np.ones((len(atoms), 3), dtype=bool)
    for constraint in atoms.constraints:
        if cell_moves or type(constraint) not in (FixAtoms, FixCartesian):
            raise _refused(type(constraint).__name__, cell_moves=cell_moves)
        fixed = np.ones(3, dtype=bool) if type(constraint) is FixAtoms else np.asarray(constraint.mask, dtype=bool)
        free[constraint.index] &= ~fixed
    return free


def refuse_constraints(atoms: Atoms, who: str, fix: str) -> None:
    """Raise `DataError` where a structure has any constraint."""
    if atoms.constraints:
        found = f"constraint {type(atoms.constraints[0]).__name__}"
        raise DataError(found, expected="a structure without constraints", who=who, fix=fix)


def _refused(name: str, *, cell_moves: bool) -> DataError:
    found = f"constraint {name}" + (", and the cell moves" if cell_moves else "")
    fix = "cell=False" if cell_moves else "alchemi relax, or ASE's optimisers, which take structures one by one"
    return DataError(found, expected=HONOURED, who="constraints", fix=fix)
