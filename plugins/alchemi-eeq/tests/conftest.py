"""Structures, one call that every test uses, and the same charges from two other programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
import torch
from alchemi_eeq.model import EEQ
from ase import Atoms
from ase.build import bulk, molecule
from ase.units import Bohr
from dftd4.interface import DispersionModel

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper

Evaluate = Callable[..., Mapping[str, torch.Tensor]]
SHEAR = np.array([[1.0, 0.12, 0.0], [0.0, 1.05, -0.2], [0.08, 0.0, 0.95]])


def rattled(atoms: Atoms, amplitude: float = 0.05, seed: int = 3) -> Atoms:
    atoms.rattle(amplitude, seed=seed)
    return atoms


def sheared(atoms: Atoms) -> Atoms:
    atoms.set_cell(atoms.cell.array @ SHEAR, scale_atoms=True)
    return atoms


def displaced(atoms: Atoms) -> Atoms:
    atoms.positions[5] += 3 * atoms.cell[0] - 2 * atoms.cell[1]
    return atoms


def left_handed(atoms: Atoms) -> Atoms:
    atoms.set_cell(sheared(atoms).cell.array[[1, 0, 2]])
    return atoms


def charged(atoms: Atoms, charge: float) -> Atoms:
    atoms.info["charge"] = charge
    return atoms


def ammonium() -> Atoms:
    atoms = molecule("CH4")
    atoms.symbols[0] = "N"
    return charged(rattled(atoms), 1.0)


def water_box(side: int = 2, spacing: float = 3.1, seed: int = 1) -> Atoms:
    """Water molecules on a grid, turned at random, at about the density of the liquid."""
    random = np.random.default_rng(seed)
    box = Atoms(cell=[side * spacing] * 3, pbc=True)
    for place in np.ndindex(side, side, side):
        water = molecule("H2O")
        water.euler_rotate(*random.uniform(0, 360, 3), center="COM")
        water.translate(np.array(place) * spacing)
        box += water
    return rattled(box)


def sheet() -> Atoms:
    """A buckled sheet of boron nitride with one water molecule above it."""
    atoms = Atoms("BNBN", [[0, 0, 0], [1.25, 0.72, 0.2], [1.25, 2.17, 0.1], [2.5, 2.89, -0.1]])
    atoms.set_cell([[2.5, 0, 0], [0.3, 4.33, 0], [0, 0, 0]])
    atoms += Atoms("OHH", [[1, 2, 3.2], [1.8, 2.1, 3.7], [0.5, 1.2, 3.6]])
    atoms.pbc = (True, True, False)
    return rattled(atoms)


def chain() -> Atoms:
    """A zigzag chain of hydrogen fluoride along a slanted direction."""
    atoms = Atoms("FHFH", [[0, 0, 0], [0.6, 0.75, 0.1], [1.25, 1.35, 0.0], [2.1, 1.1, 0.2]])
    atoms.set_cell([[0, 0, 0], [2.4, 0.7, 0.3], [0, 0, 0]])
    atoms.pbc = (False, True, False)
    return rattled(atoms)


MOLECULES = {
    "water": molecule("H2O"),
    "carbon dioxide": molecule("CO2"),
    "methanol": rattled(molecule("CH3OH")),
    "thiophene": rattled(molecule("C4H4S")),
    "silane": molecule("SiH4"),
    "far apart": Atoms("NaCl", [[0, 0, 0], [0, 0, 9.0]]),
    "ammonium": ammonium(),
    "methoxide": charged(molecule("CH3O"), -1.0),
    "one atom": charged(Atoms("O"), -1.0),
}
CRYSTALS = {
    "rock salt": rattled(bulk("NaCl", "rocksalt", a=5.64, cubic=True)),
    "zinc sulfide, skewed": rattled(sheared(bulk("ZnS", "zincblende", a=5.41, cubic=True))),
    "perovskite": rattled(
        Atoms(
            "SrTiO3",
            scaled_positions=[[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]],
            cell=[3.91] * 3,
            pbc=True,
        ).repeat(2)
    ),
    "water": water_box(),
    "water, skewed": sheared(water_box(seed=2)),
    "hydroxide in water": charged(water_box(seed=3)[:-1], -1.0),
    "outside its cell": displaced(water_box(seed=4)),
    "left-handed": left_handed(water_box(seed=5)),
}
SYSTEMS = MOLECULES | CRYSTALS | {"sheet": sheet(), "chain": chain(), "salt": rattled(bulk("NaCl", "rocksalt", a=5.64))}


def fortran_charges(atoms: Atoms) -> np.ndarray:
    model = DispersionModel(
        atoms.numbers,
        atoms.positions / Bohr,
        charge=float(atoms.info.get("charge", 0.0)),
        lattice=atoms.cell.array / Bohr if atoms.pbc.any() else None,
        periodic=atoms.pbc if atoms.pbc.any() else None,
    )
    return model.get_properties()["partial charges"]


@pytest.fixture(params=MOLECULES)
def some_molecule(request: pytest.FixtureRequest) -> Atoms:
    return MOLECULES[request.param].copy()


@pytest.fixture(params=CRYSTALS)
def some_crystal(request: pytest.FixtureRequest) -> Atoms:
    return CRYSTALS[request.param].copy()


@pytest.fixture(params=["methoxide", "zinc sulfide, skewed", "hydroxide in water", "sheet", "chain"])
def some_system(request: pytest.FixtureRequest) -> Atoms:
    return SYSTEMS[request.param].copy()


@pytest.fixture
def systems() -> dict[str, Atoms]:
    return {name: atoms.copy() for name, atoms in SYSTEMS.items()}


@pytest.fixture
def large_box() -> Atoms:
    return water_box(side=4)


@pytest.fixture
def multicharge() -> Callable[[Atoms], np.ndarray]:
    """Charges of the Fortran program multicharge, as they come with dftd4."""
    return fortran_charges


@pytest.fixture
def evaluate() -> Evaluate:
    def run(
        atoms: Atoms | list[Atoms],
        *,
        dtype: torch.dtype = torch.float64,
        requested: tuple[str, ...] = ("charges",),
        **options: float,
    ) -> Mapping[str, torch.Tensor]:
        model = EEQ(**options)
        group = PipelineGroup([model], use_autograd=bool({"forces", "stress", "virial"} & set(requested)))
        return PipelineModelWrapper(groups=[group])(Batch.from_ase(atoms, dtype=dtype), requested=set(requested))

    return run
