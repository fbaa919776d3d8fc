"""Silicon as published: lattice constant, cohesion, elastic constants."""

from __future__ import annotations

import numpy as np
import pytest
from alchemi_core import Batch, create_model, differentiate
from alchemi_core.quantities import EV_PER_CUBIC_ANGSTROM_IN_GPA
from ase import Atoms
from ase.build import bulk
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS

from alchemi_stillinger_weber.hooks import NAME

LATTICE_CONSTANT = 5.431
"""Å. F. H. Stillinger and T. A. Weber, Phys. Rev. B 31, 5262 (1985): σ was chosen for it."""

COHESION = -4.3366
"""eV per atom, −2 ε: four bonds of depth ε that two atoms share, and no angle but the tetrahedron's."""

ELASTIC = {"C11": 151.4, "C12": 76.4, "C44": 56.4}
"""GPa, atoms at rest. E. R. Cowley, Phys. Rev. Lett. 60, 2379 (1988), as quoted in examples/ELASTIC of LAMMPS."""


@pytest.fixture(scope="module")
def crystal() -> Atoms:
    return bulk("Si", "diamond", a=LATTICE_CONSTANT, cubic=True)


def test_energy_of_diamond(crystal: Atoms) -> None:
    out = differentiate(create_model(NAME), "autograd")(Batch.from_ase(crystal), {"energy", "forces"})
    assert out["energy"].item() / 8 == pytest.approx(COHESION, abs=1e-5)
    assert out["forces"].abs().max().item() < 1e-10


def test_relaxation_finds_the_lattice_constant(crystal: Atoms) -> None:
    atoms = crystal.copy()
    atoms.set_cell(5.6 * np.eye(3), scale_atoms=True)
    atoms.rattle(0.05, seed=1)
    atoms.calc = differentiate(create_model(NAME), "autograd").as_ase()
    optimizer = BFGS(FrechetCellFilter(atoms), logfile=None)  # type: ignore[arg-type]  # ASE takes filters as well
    assert optimizer.run(fmax=1e-4, steps=100)
    assert atoms.cell.lengths() == pytest.approx([LATTICE_CONSTANT] * 3, abs=1e-3)
    assert atoms.get_potential_energy() / 8 == pytest.approx(COHESION, abs=1e-6)


@pytest.mark.parametrize("kind", ["sc", "bcc", "fcc", "hcp"])
def test_no_other_crystal_is_lower(kind: str) -> None:
    """Stillinger and Weber asked of their parameters that the diamond structure be the most stable one."""
    edges = np.linspace(2.2, 4.6, 25)
    crystals = Batch.from_ase([bulk("Si", kind, a=edge) for edge in edges])
    energies = differentiate(create_model(NAME), "autograd")(crystals, {"energy"})["energy"].squeeze(1)
    per_atom = energies / crystals.batch_idx.bincount()
    assert COHESION + 0.1 < per_atom.min().item() < 0.0


@pytest.mark.parametrize("constant", ELASTIC)
def test_elastic_constants(crystal: Atoms, constant: str) -> None:
    row, column = {"C11": (0, 0), "C12": (1, 0), "C44": (3, 3)}[constant]
    up, down = (strained_stress(crystal, column, size)[row] for size in (1e-4, -1e-4))
    slope = (up - down) / 2e-4 * EV_PER_CUBIC_ANGSTROM_IN_GPA
    assert slope == pytest.approx(ELASTIC[constant], rel=1e-3)


def strained_stress(crystal: Atoms, column: int, size: float) -> np.ndarray:
    """Return the stress [6] in eV/Å³ under one strain, by its place in Voigt's order, with the atoms at rest."""
    i, j = [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)][column]
    strain = np.eye(3)
    strain[i, j] += size / 2
    strain[j, i] += size / 2
    atoms = crystal.copy()
    atoms.set_cell(atoms.cell.array @ strain, scale_atoms=True)
    atoms.calc = differentiate(create_model(NAME), "autograd").as_ase()
    assert BFGS(atoms, logfile=None).run(fmax=1e-6, steps=50)
    return np.asarray(atoms.get_stress())
