"""Structures of many kinds."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.build import bulk, fcc111, molecule

SHEAR = np.array([[1.0, 0.12, 0.0], [0.0, 1.05, -0.2], [0.08, 0.0, 0.95]])


def rattled(atoms: Atoms, amplitude: float = 0.08, seed: int = 3) -> Atoms:
    atoms.rattle(amplitude, seed=seed)
    return atoms


def strained(atoms: Atoms) -> Atoms:
    atoms.set_cell(atoms.cell.array @ SHEAR, scale_atoms=True)
    return atoms


def boxed(name: str, size: float = 20.0) -> Atoms:
    atoms = molecule(name)
    atoms.set_cell([size] * 3)
    atoms.pbc = True
    atoms.center()
    return atoms


def perovskite() -> Atoms:
    places = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    return rattled(Atoms("SrTiO3", scaled_positions=places, cell=[3.91] * 3, pbc=True))


def slab() -> Atoms:
    atoms = rattled(fcc111("Pt", (1, 2, 3), vacuum=8.0))
    atoms.pbc = (True, True, False)
    return atoms


def outside_its_cell() -> Atoms:
    atoms = rattled(bulk("ZnS", "wurtzite", a=3.82, c=6.26))
    atoms.positions += [[30, 0, -20], [0, 0, 0], [-7, 50, 1], [0.1, 0.2, 90]]
    return atoms


def chain() -> Atoms:
    return rattled(Atoms("C2", [[0, 0, 0], [1.3, 0, 0]], cell=[2.6, 15, 15], pbc=[True, False, False]))


def with_a_lone_atom() -> Atoms:
    return Atoms("H2He", [[1, 1, 1], [1.75, 1, 1.1], [11, 11, 11]], cell=[22] * 3, pbc=True)


STRUCTURES = {
    "rock salt": rattled(bulk("NaCl", "rocksalt", a=5.64, cubic=True)),
    "skewed diamond": strained(rattled(bulk("Si", "diamond", a=5.43))),
    "one atom among its images": strained(bulk("Cu", "fcc", a=3.61)),
    "dense": rattled(bulk("W", "bcc", a=2.9, cubic=True)),
    "magnetic oxide": rattled(bulk("MnO", "rocksalt", a=4.44, cubic=True)),
    "perovskite": perovskite(),
    "fluorite with f electrons": rattled(bulk("UO2", "fluorite", a=5.47)),
    "slab": slab(),
    "outside its cell": outside_its_cell(),
    "chain": chain(),
    "molecule in a box": boxed("CH3CH2OH"),
    "no angles": strained(rattled(bulk("Ar", "fcc", a=5.4, cubic=True))),
    "a lone atom": with_a_lone_atom(),
    "nothing but a lone atom": Atoms("Fe", cell=[20] * 3, pbc=True),
}
"""By name; all have a volume. The lone atom and the argon show what happens without messages and without angles."""
