"""Small structures without symmetry: crystals, molecules, slabs and odd cells."""

import numpy as np
from ase import Atoms
from ase.build import bulk, fcc111, molecule

from alchemi_core.data.batch import Batch


def salt(seed=1):
    """Two atoms in a sheared, rattled cell."""
    atoms = bulk("NaCl", "rocksalt", a=5.64)
    atoms.rattle(0.1, seed=seed)
    shear = np.array([[1.02, 0.03, 0.01], [0.0, 0.97, 0.02], [0.0, 0.0, 1.01]])
    atoms.set_cell(atoms.cell.array @ shear, scale_atoms=True)
    return atoms


def ethanol():
    atoms = molecule("CH3CH2OH")
    atoms.rattle(0.02, seed=3)
    return atoms


def water(shift=0.0):
    atoms = molecule("H2O")
    atoms.positions += shift
    return atoms


def left_handed():
    """The salt with two lattice vectors exchanged: a negative determinant."""
    atoms = salt(seed=5)
    atoms.set_cell(atoms.cell.array[[1, 0, 2]], scale_atoms=False)
    return atoms


def slab_without_height():
    """A slab, periodic in its plane, whose third lattice vector is zero."""
    atoms = fcc111("Al", (1, 1, 2), a=4.05)
    atoms.rattle(0.1, seed=2)
    atoms.set_atomic_numbers([13, 8])
    cell = atoms.cell.array.copy()
    cell[2] = 0.0
    return Atoms(atoms.numbers, atoms.positions, cell=cell, pbc=(True, True, False))


def outside():
    """The salt with atoms moved by whole cells: positions need not be wrapped."""
    atoms = salt(seed=7)
    atoms.positions[0] += 2 * atoms.cell.array[0] - atoms.cell.array[2]
    return atoms


def batch_of(*structures, **options):
    return Batch.from_ase(list(structures), **options)


def mixed(**options):
    """A crystal and a molecule."""
    return batch_of(salt(), water(), **options)
