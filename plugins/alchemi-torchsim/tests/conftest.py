"""Pipelines and structures that several tests use."""

from __future__ import annotations

import alchemi_torchsim.engine  # noqa: F401 - imports TorchSim without what its import warns of
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule

from alchemi_core import PipelineGroup, PipelineModelWrapper, create_model

ARGON = {"epsilon": 0.0104, "sigma": 3.40, "cutoff": 8.5, "switch_on": 7.0}


@pytest.fixture(scope="session")
def argon() -> PipelineModelWrapper:
    return 0 + create_model("lennard-jones", **ARGON)


@pytest.fixture(scope="session")
def argon_d3() -> PipelineModelWrapper:
    return create_model("lennard-jones", **ARGON) + create_model("dftd3", functional="pbe")


@pytest.fixture(scope="session")
def wired() -> PipelineModelWrapper:
    """Charges that follow the atoms, and the energy of a lattice sum over them, with a wall between the atoms."""
    charged = PipelineGroup(steps=[create_model("eeq"), create_model("pme")], use_autograd=True)
    wall = PipelineGroup(steps=[create_model("lennard-jones", epsilon=0.05, sigma=2.2)], use_autograd=True)
    return PipelineModelWrapper(groups=[charged, wall])


@pytest.fixture(scope="session")
def mixture() -> list[Atoms]:
    """A skewed crystal, a left-handed one, a slab without a third vector, a wire, and a molecule, all displaced."""
    skewed = bulk("NaCl", "rocksalt", a=5.64)
    shear = np.array([[1.0, 0.1, 0.02], [0.0, 1.0, 0.07], [0.0, 0.0, 1.05]])
    skewed.set_cell(skewed.cell.array @ shear, scale_atoms=True)
    left = bulk("NaCl", "rocksalt", a=5.64)
    left.set_cell(left.cell.array[[1, 0, 2]])
    slab = fcc111("Cu", (1, 2, 2), a=3.9)
    wire = Atoms("CuCu", positions=[(0, 0, 0), (1.2, 0.3, 0.1)], cell=[2.6, 0, 0], pbc=(True, False, False))
    found = [skewed, left, slab, wire, molecule("H2O")]
    for number, atoms in enumerate(found):
        atoms.info.clear()
        atoms.rattle(0.05, seed=number)
    return found
