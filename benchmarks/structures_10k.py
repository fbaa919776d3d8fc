"""Ten thousand small structures, the same on every machine: perturbed crystals, slabs, molecules and clusters of them.

Each structure depends on the seed and on its own number only, so any part of the set can be made alone, in any order.
Run ``python benchmarks/structures_10k.py FILE`` to write them as extended XYZ.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk, fcc111, graphene, molecule
from ase.collections import g2
from ase.io.extxyz import write_xyz

COUNT, SEED = 10_000, 20_261_123
FEWEST, MOST = 2, 200

Random = np.random.Generator

ELEMENTS = {
    "fcc": {"Al": 4.05, "Cu": 3.61, "Ag": 4.09, "Ni": 3.52, "Pt": 3.92},
    "bcc": {"Na": 4.23, "Fe": 2.87, "W": 3.16, "Li": 3.49},
    "diamond": {"C": 3.57, "Si": 5.43, "Ge": 5.66},
}
"""Lattice constants in Å, rounded: starting points that are perturbed anyway."""

COMPOUNDS = {
    "rocksalt": {"NaCl": 5.64, "MgO": 4.21, "LiF": 4.03, "CaO": 4.81, "TiN": 4.24},
    "zincblende": {"GaAs": 5.65, "ZnS": 5.41, "BN": 3.62, "SiC": 4.36},
    "cesiumchloride": {"CsCl": 4.12, "NiAl": 2.88},
    "fluorite": {"CaF2": 5.46, "CeO2": 5.41},
}

MOLECULES = tuple(name for name in g2.names if 2 <= len(g2[name]) <= 20)


def structures(count: int = COUNT, seed: int = SEED, start: int = 0) -> Iterator[Atoms]:
    """Yield the structures from number `start` on.

    Parameters
    ----------
    count : int
        How many.
    seed : int
        Of the whole set.
    start : int
        Number of the first.

    Returns
    -------
    iterator of ase.Atoms
        Of 2 to 200 atoms; ``info["name"]`` says what each was made of, ``info["number"]`` which it is.
    """
    for number in range(start, start + count):
        yield structure(number, seed)


def structure(number: int, seed: int = SEED) -> Atoms:
    """Return one structure of the set."""
    random = np.random.default_rng([seed, number])
    largest = int(np.exp(random.uniform(np.log(FEWEST), np.log(MOST + 1))))
    atoms = _KINDS[int(random.choice(len(_KINDS), p=_SHARES))](random, max(largest, FEWEST))
    atoms.positions += random.normal(scale=random.uniform(0.01, 0.08), size=atoms.positions.shape)
    atoms.info["number"] = number
    return atoms


def _element(random: Random, largest: int) -> Atoms:
    lattice = _one_of(random, ELEMENTS)
    symbol = _one_of(random, ELEMENTS[lattice])
    unit = bulk(symbol, lattice, a=ELEMENTS[lattice][symbol], cubic=bool(random.integers(2)))
    return _crystal(random, unit, largest, f"{symbol} {lattice}")


def _compound(random: Random, largest: int) -> Atoms:
    lattice = _one_of(random, COMPOUNDS)
    formula = _one_of(random, COMPOUNDS[lattice])
    cubic = lattice != "cesiumchloride" and bool(random.integers(2))
    unit = bulk(formula, lattice, a=COMPOUNDS[lattice][formula], cubic=cubic)
    return _crystal(random, unit, largest, f"{formula} {lattice}")


def _slab(random: Random, largest: int) -> Atoms:
    """Return a sheet or slab: periodic along two directions, or along three with a vacuum between."""
    symbol = _one_of(random, ELEMENTS["fcc"])
    if random.integers(2):
        unit, name = graphene(vacuum=6.0), "graphene"
    else:
        unit = fcc111(symbol, (1, 1, int(random.integers(2, 5))), a=ELEMENTS["fcc"][symbol], vacuum=6.0)
        name = f"{symbol} (111)"
    if random.integers(2):
        unit.pbc = True
    atoms = unit.repeat((*_repeats(random, len(unit), largest, axes=2), 1))
    atoms.info["name"] = name
    return atoms


def _molecule(random: Random, largest: int) -> Atoms:  # noqa: ARG001 - all kinds are asked alike
    name = _one_of(random, MOLECULES)
    atoms = _bare(name)
    atoms.info["name"] = name
    return atoms


def _cluster(random: Random, largest: int) -> Atoms:
    """Return several molecules of one kind, turned at random, on a cubic grid; some of them in a periodic box."""
    name = _one_of(random, MOLECULES)
    one = _bare(name)
    number = max(1, min(largest // len(one), 27))
    radius = float(np.linalg.norm(one.positions, axis=1).max())
    spacing = 2.0 * radius + random.uniform(2.2, 3.0)
    edge = int(np.ceil(round(number ** (1 / 3), 9)))
    atoms = Atoms()
    for place in itertools.islice(itertools.product(range(edge), repeat=3), number):
        copy = one.copy()
        copy.positions = copy.positions @ _turn(random).T + spacing * np.array(place)
        atoms += copy
    if random.integers(2):
        atoms.set_cell([edge * spacing] * 3)
        atoms.pbc = True
    atoms.info["name"] = f"{number} {name}"
    return atoms


def _crystal(random: Random, unit: Atoms, largest: int, name: str) -> Atoms:
    """Return a supercell of at least two atoms, strained by a few percent."""
    atoms = unit.repeat(_repeats(random, len(unit), largest, axes=3))
    strain = random.normal(scale=0.015, size=(3, 3))
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + 0.5 * (strain + strain.T)), scale_atoms=True)
    atoms.info["name"] = name
    return atoms


def _repeats(random: Random, unit: int, largest: int, axes: int) -> tuple[int, ...]:
    """Return how often to repeat a unit along each axis: as long as it fits, one axis after the other."""
    counts = [1] * axes
    for axis in random.permutation(np.tile(np.arange(axes), 6)):
        if unit * np.prod(counts) // counts[axis] * (counts[axis] + 1) <= max(largest, FEWEST):
            counts[axis] += 1
    return tuple(counts)


def _bare(name: str) -> Atoms:
    """Return a molecule of the G2 set about the origin, without the magnetic moments that go with it."""
    found = molecule(name)
    return Atoms(found.numbers, found.positions - found.positions.mean(axis=0))


def _turn(random: Random) -> np.ndarray:
    turn, _ = np.linalg.qr(random.normal(size=(3, 3)))
    return turn


def _one_of(random: Random, names: object) -> str:
    known = list(names)  # type: ignore[call-overload]
    return str(known[int(random.integers(len(known)))])


_KINDS: tuple[Callable[[Random, int], Atoms], ...] = (_element, _compound, _slab, _molecule, _cluster)
_SHARES = (0.25, 0.3, 0.1, 0.15, 0.2)


def main() -> None:
    """Write the set, and say what is in it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--count", type=int, default=COUNT)
    arguments = parser.parse_args()
    sizes, periodic = [], 0
    with arguments.file.open("w") as file:
        for atoms in structures(arguments.count):
            write_xyz(file, atoms)
            sizes.append(len(atoms))
            periodic += bool(atoms.pbc.any())
    print(f"{len(sizes)} structures of {min(sizes)} to {max(sizes)} atoms, {sum(sizes)} in all, {periodic} periodic")


if __name__ == "__main__":
    main()
