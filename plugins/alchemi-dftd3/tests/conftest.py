"""The reference program called directly, and structures that every test uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, graphene, molecule
from dftd3 import interface

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model
from alchemi_core.quantities import BOHR, HARTREE

Evaluate = Callable[..., Mapping[str, torch.Tensor]]
ALL = ("energy", "forces", "stress")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave tests that need a CUDA device to ``-m gpu``, and say how many were left."""
    if "gpu" in config.option.markexpr:
        return
    left = [item for item in items if item.get_closest_marker("gpu")]
    items[:] = [item for item in items if item not in left]
    config.hook.pytest_deselected(items=left)


def reference(atoms: Atoms, damping: interface.DampingParam, cutoffs: Mapping[str, float] | None = None):
    """Energy, forces and strain derivative from s-dftd3 itself, in eV and Å."""
    lattice = (atoms.cell.array / BOHR, atoms.pbc) if atoms.pbc.any() else ()
    model = interface.DispersionModel(atoms.numbers, atoms.positions / BOHR, *lattice)
    if cutoffs:
        model.set_realspace_cutoff(**cutoffs)
    result = model.get_dispersion(damping, grad=True)
    return result["energy"] * HARTREE, -result["gradient"] * HARTREE / BOHR, result["virial"] * HARTREE


@pytest.fixture(scope="session")
def s_dftd3():
    return reference


@pytest.fixture(scope="session")
def evaluate() -> Evaluate:
    """Run a model alone in a pipeline."""

    def run(atoms, *, requested=ALL, dtype=torch.float64, **options):
        options = options or {"functional": "pbe"}
        pipe = PipelineModelWrapper(groups=[PipelineGroup([create_model("dftd3", **options)])])
        return pipe(Batch.from_ase(atoms, dtype=dtype), requested=set(requested))

    return run


def _rattled(atoms: Atoms) -> Atoms:
    atoms.rattle(0.05, seed=len(atoms))
    return atoms


def _skewed() -> Atoms:
    atoms = bulk("Si")
    atoms.set_cell(atoms.cell.array @ [[1.0, 0.2, 0.1], [0.0, 1.1, -0.3], [0.1, 0.0, 0.9]], scale_atoms=True)
    return atoms


def _moved() -> Atoms:
    atoms = _rattled(bulk("MgO", "rocksalt", a=4.21))
    atoms.positions[1] += 4 * atoms.cell[0] - 7 * atoms.cell[2]
    return atoms


def _left_handed() -> Atoms:
    atoms = _rattled(bulk("CuZn", "cesiumchloride", a=2.95))
    atoms.set_cell(atoms.cell.array[[1, 0, 2]])
    return atoms


@pytest.fixture(scope="session")
def structures() -> dict[str, Atoms]:
    """Molecules, and crystals of all kinds."""
    argon = Atoms("Ar2", [[0, 0, 0], [0, 0, 3.8]], cell=[20, 20, 20])
    return {
        "water": molecule("H2O"),
        "benzene": _rattled(molecule("C6H6")),
        "argon in a box that is not periodic": argon,
        "one atom": Atoms("Xe"),
        "rocksalt": _rattled(bulk("NaCl", "rocksalt", a=5.64)),
        "skewed": _rattled(_skewed()),
        "outside its cell": _moved(),
        "left-handed": _left_handed(),
        "cubic": _rattled(bulk("Cu", cubic=True)),
    }


@pytest.fixture(scope="session")
def slab() -> Atoms:
    """Graphene-like sheet, periodic along its first two vectors, inside a cell with a perpendicular third."""
    sheet = _rattled(graphene(vacuum=6.0))
    assert sheet.pbc.tolist() == [True, True, False]
    return sheet


@pytest.fixture(scope="session")
def wire() -> Atoms:
    """Chain along x, inside its cell."""
    chain = Atoms(
        "CH2", [[0.1, 5.0, 5.0], [0.0, 5.9, 5.6], [0.2, 4.1, 5.6]], cell=[2.5, 10, 10], pbc=[True, False, False]
    )
    assert np.all(chain.get_scaled_positions(wrap=False) >= 0.0)
    return chain
