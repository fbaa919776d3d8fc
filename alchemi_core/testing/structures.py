"""Named structures on which models go wrong, each with the reason it is there. All are small, and none is symmetric."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np
from ase import Atoms
from ase.build import bulk, fcc111, molecule

from alchemi_core.errors import OptionError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable

_SHEAR = np.array([[1.02, 0.03, 0.01], [0.0, 0.97, 0.02], [0.0, 0.0, 1.01]])


@attrs.frozen
class Structure:
    """A structure with a name.

    Parameters
    ----------
    name : str
        What it is called in reports; also what ``str`` gives.
    reason : str
        Why it is there: what goes wrong on it that does not go wrong elsewhere.
    make : callable
        ``make() -> ase.Atoms``, the same at every call.

    Examples
    --------
    >>> structure_named("water").make().get_chemical_formula()
    'H2O'
    """

    name: str
    reason: str
    make: Callable[[], Atoms]

    def __str__(self) -> str:
        return self.name


def _water() -> Atoms:
    atoms: Atoms = molecule("H2O")
    atoms.rattle(0.02, seed=1)
    return atoms


def _ethanol() -> Atoms:
    atoms: Atoms = molecule("CH3CH2OH")
    atoms.rattle(0.02, seed=3)
    return atoms


def _rock_salt() -> Atoms:
    atoms = bulk("NaCl", "rocksalt", a=5.64)
    atoms.rattle(0.1, seed=1)
    atoms.set_cell(atoms.cell.array @ _SHEAR, scale_atoms=True)
    return atoms


def _silicon() -> Atoms:
    atoms = bulk("Si", "diamond", a=5.43, cubic=True)
    atoms.rattle(0.08, seed=2)
    return atoms


def _copper() -> Atoms:
    atoms = bulk("Cu", "fcc", a=3.6)
    atoms.set_cell(atoms.cell.array @ _SHEAR, scale_atoms=True)
    return atoms


def _perovskite() -> Atoms:
    places = [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)]
    atoms = Atoms("SrTiO3", scaled_positions=places, cell=3.9 * _SHEAR, pbc=True)
    atoms.rattle(0.08, seed=4)
    return atoms


def _left_handed() -> Atoms:
    atoms = _rock_salt()
    atoms.set_cell(atoms.cell.array[[1, 0, 2]], scale_atoms=False)
    return atoms


def _outside() -> Atoms:
    atoms = _rock_salt()
    atoms.positions[0] += 2 * atoms.cell.array[0] - atoms.cell.array[2]
    return atoms


def _slab() -> Atoms:
    atoms = fcc111("Al", (1, 1, 2), a=4.05)
    atoms.rattle(0.1, seed=2)
    atoms.set_atomic_numbers([13, 8])
    cell = atoms.cell.array.copy()
    cell[2] = 0.0
    return Atoms(atoms.numbers, atoms.positions, cell=cell, pbc=(True, True, False))


def _wire() -> Atoms:
    places = [(0.0, 0.0, 0.1), (0.9, 0.4, 1.5), (-0.3, 0.8, 2.7)]
    return Atoms("CCO", positions=places, cell=np.diag([0.0, 0.0, 4.2]), pbc=(False, False, True))


STRUCTURES: tuple[Structure, ...] = (
    Structure("water", "a molecule without a cell: no stress, no pbc, a light element", _water),
    Structure("ethanol", "three elements and no symmetry: forces in every direction", _ethanol),
    Structure("rock-salt", "two atoms in a sheared cell below any cutoff: images, also of an atom itself", _rock_salt),
    Structure("silicon", "eight atoms of a covalent crystal: angles matter", _silicon),
    Structure("copper", "one atom in a cell: all of its neighbors are its own images", _copper),
    Structure("perovskite", "three elements in one crystal: every pair of them, under periodicity", _perovskite),
    Structure("left-handed", "lattice vectors of negative determinant: a volume with a sign", _left_handed),
    Structure("outside-the-cell", "atoms several cells away from the cell: positions need not be wrapped", _outside),
    Structure("slab", "periodic in a plane, its third lattice vector zero: no volume, no inverse of the cell", _slab),
    Structure("wire", "periodic in one direction only, the other lattice vectors zero", _wire),
)
"""Structures that models are checked on where their elements and periodicity allow."""


def structure_named(name: str) -> Structure:
    """Return the structure with a name.

    Raises
    ------
    OptionError
        If there is none.
    """
    known = {one.name: one for one in STRUCTURES}
    if name not in known:
        close = nearest(name, known)
        raise OptionError(
            f"no structure named {name!r}",
            expected="one of " + ", ".join(known),
            who="alchemi_core.testing",
            fix=f"structure_named({close!r})" if close else "",
        )
    return known[name]
