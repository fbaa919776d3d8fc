"""Structures, one call through a pipeline, and the same numbers from sevenn's own calculator."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, fcc111, molecule

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model

Evaluate = Callable[..., Mapping[str, torch.Tensor]]
ALL = ("energy", "node_energies", "forces", "stress")
SHEAR = np.array([[1.0, 0.12, 0.0], [0.0, 1.05, -0.2], [0.08, 0.0, 0.95]])


def rattled(atoms: Atoms, amplitude: float = 0.08, seed: int = 3) -> Atoms:
    atoms.rattle(amplitude, seed=seed)
    return atoms


def strained(atoms: Atoms) -> Atoms:
    atoms.set_cell(atoms.cell.array @ SHEAR, scale_atoms=True)
    return atoms


def boxed(atoms: Atoms) -> Atoms:
    atoms.set_cell([20.0] * 3)
    atoms.pbc = True
    atoms.center()
    return atoms


def perovskite() -> Atoms:
    places = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    return rattled(Atoms("SrTiO3", scaled_positions=places, cell=[3.91] * 3, pbc=True))


def outside_its_cell() -> Atoms:
    atoms = rattled(bulk("ZnS", "wurtzite", a=3.82, c=6.26))
    atoms.positions += [[2, 0, -1], [0, 0, 0], [-1, 1, 1], [0, -2, 1]] @ atoms.cell.array
    return atoms


def slab() -> Atoms:
    atoms = rattled(fcc111("Pt", (1, 2, 3), vacuum=8.0))
    atoms.pbc = (True, True, False)
    return atoms


STRUCTURES = {
    "rock salt": rattled(bulk("NaCl", "rocksalt", a=5.64, cubic=True)),
    "skewed diamond": strained(rattled(bulk("Si", "diamond", a=5.43))),
    "one atom among its images": strained(bulk("Cu", "fcc", a=3.61)),
    "left-handed cell": rattled(Atoms("CsCl", [[0, 0, 0], [2, 2, 2]], cell=-4.1 * np.eye(3), pbc=True)),
    "perovskite": perovskite(),
    "fluorite with f electrons": rattled(bulk("UO2", "fluorite", a=5.47)),
    "outside its cell": outside_its_cell(),
    "slab": slab(),
    "chain": rattled(Atoms("C2", [[0, 0, 0], [1.3, 0, 0]], cell=[2.6, 15, 15], pbc=[True, False, False])),
    "boxed molecule": boxed(rattled(molecule("CH3CH2OH"))),
    "molecule": rattled(molecule("H2O")),
    "with a lone atom": boxed(Atoms("H2He", [[1, 1, 1], [1.75, 1, 1.1], [9, 9, 9]])),
}
"""By name; all but the molecule have a volume."""


@pytest.fixture(params=STRUCTURES)
def structure(request: pytest.FixtureRequest) -> Atoms:
    return STRUCTURES[request.param].copy()


@pytest.fixture
def structures() -> dict[str, Atoms]:
    return {name: atoms.copy() for name, atoms in STRUCTURES.items()}


def single(model: Any, derivative_fn: Any = None) -> PipelineModelWrapper:
    return PipelineModelWrapper(groups=[PipelineGroup([model], use_autograd=True, derivative_fn=derivative_fn)])


@pytest.fixture
def pipeline() -> Callable[..., PipelineModelWrapper]:
    return single


@functools.cache
def ours(**options: Any) -> Any:
    return create_model("sevennet", **options)


@pytest.fixture
def make() -> Callable[..., Any]:
    """Make a model, or give the one made before with the same options."""
    return ours


@pytest.fixture
def model() -> Any:
    """The default checkpoint, made once: to be copied before it is changed."""
    return ours()


@pytest.fixture
def evaluate() -> Evaluate:
    """Run a model with its weights as shipped in a pipeline of its own."""

    def run(
        atoms: Atoms | list[Atoms], *requested: str, dtype: torch.dtype = torch.float64, **options: Any
    ) -> Mapping[str, torch.Tensor]:
        return single(ours(**options))(Batch.from_ase(atoms, dtype=dtype), requested=set(requested))

    return run


@functools.cache
def theirs(checkpoint: str, modal: str | None) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sevenn recommends accelerators, and torch deprecates what it imports
        from sevenn.calculator import SevenNetCalculator

        return SevenNetCalculator(checkpoint, device="cpu", modal=modal)


@pytest.fixture
def calculate() -> Callable[..., dict[str, Any]]:
    """Run sevenn's ASE calculator, in float32 as it comes; its stress as a matrix."""

    def run(atoms: Atoms, checkpoint: str = "7net-0", modal: str | None = None) -> dict[str, Any]:
        calculator = theirs(checkpoint, modal)
        calculator.calculate(atoms)
        xx, yy, zz, yz, xz, xy = calculator.results["stress"]
        stress = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
        return {**calculator.results, "node_energies": calculator.results["energies"], "stress": stress}

    return run


@pytest.fixture
def shipped() -> Callable[[str], Path]:
    """Return the file of a shipped checkpoint, as sevenn finds it."""

    def find(name: str) -> Path:
        import alchemi_sevennet.upstream  # noqa: F401 - first, for sevenn alone warns when it is imported
        from sevenn.util import pretrained_name_to_path

        return Path(pretrained_name_to_path(name))

    return find
