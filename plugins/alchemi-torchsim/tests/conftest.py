"""Pipelines and structures that several tests use."""

from __future__ import annotations

import itertools

import alchemi_torchsim.engine  # noqa: F401 - imports TorchSim without what its import warns of
import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from ase.cluster import Icosahedron

from alchemi_core import (
    Analytic,
    BaseModelMixin,
    ModelConfig,
    OnGraph,
    PipelineGroup,
    PipelineModelWrapper,
    create_model,
)
from alchemi_core.errors import GeometryError

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


class Springs(BaseModelMixin):
    """Ties atoms to the origin; forces and nothing else."""

    model_config = ModelConfig(name="springs", outputs={"energy": Analytic(), "forces": Analytic()}, supports_pbc=True)

    def compute(self, view, requested):
        each = view.positions.square().sum(1)
        energy = each.new_zeros(view.num_systems).index_add(0, view.batch_idx, each)
        return {"energy": energy[:, None], "forces": -2 * view.positions}


class Cliff(BaseModelMixin):
    """Pulls argon to a sphere of 1.5 Å and hydrogen to the origin; within 1 Å of it, nothing is known."""

    model_config = ModelConfig(name="cliff", outputs={"energy": OnGraph({"positions"})})

    def __init__(self, *, raises: bool) -> None:
        self.raises = raises

    def compute(self, view, requested):
        radii = view.positions.norm(dim=1)
        each = 0.5 * (radii - 1.5 * (view.atomic_numbers == 18)).square()
        if self.raises and bool((radii < 1.0).any()):
            raise GeometryError("an atom fell", who="cliff")
        each = torch.where(radii < 1.0, torch.nan, each)
        return {"energy": each.new_zeros(view.num_systems).index_add(0, view.batch_idx, each)[:, None]}


@pytest.fixture(params=["raises", "gives NaN"])
def cliff(request) -> PipelineModelWrapper:
    """One that fails as a whole for any atom, and one whose energies are no numbers."""
    return 0 + Cliff(raises=request.param == "raises")


@pytest.fixture
def springs() -> BaseModelMixin:
    return Springs()


def shaken(count):
    """Crystals, slabs, wires and clusters of argon, each shaken in its own way."""
    shapes = [
        bulk("Ar", "fcc", a=5.26, cubic=True),
        fcc111("Ar", (1, 2, 3), a=5.26),
        Atoms("Ar2", positions=[(0, 0, 0), (3.8, 0, 0)], cell=[7.6, 0, 0], pbc=(True, False, False)),
        Atoms("Ar4", positions=3.8 / np.sqrt(8) * np.array([(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)])),
        Icosahedron("Ar", 2, latticeconstant=5.3),
    ]
    found = [shape.copy() for shape, _ in zip(itertools.cycle(shapes), range(count), strict=False)]
    for number, atoms in enumerate(found):
        atoms.info.clear()
        atoms.rattle(0.08, seed=number)
    return found


@pytest.fixture(scope="session")
def perturbed():
    return shaken
