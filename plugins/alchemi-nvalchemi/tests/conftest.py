"""What tests share: structures, pipelines of one step, parameters of D3."""

from __future__ import annotations

import pytest
import torch
from alchemi_dftd3.tables import load_tables
from alchemi_nvalchemi.named import named_step
from ase import Atoms
from ase.build import bulk, fcc111

from alchemi_core import PipelineGroup, PipelineModelWrapper


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the toolkit's operations say that what its own wrappers use is deprecated."""
    for item in items:
        item.add_marker(
            pytest.mark.filterwarnings("ignore:.*deprecated for differentiable training:DeprecationWarning")
        )


def argon() -> Atoms:
    """Solid argon, displaced."""
    atoms = bulk("Ar", "fcc", a=5.26, cubic=True)
    atoms.rattle(0.1, seed=1)
    return atoms


def slab() -> Atoms:
    """A slab of argon with vacuum."""
    atoms = fcc111("Ar", (2, 2, 3), a=5.26, vacuum=8.0)
    atoms.rattle(0.1, seed=1)
    return atoms


def cluster() -> Atoms:
    """A molecule, so to speak."""
    return Atoms("Ar4", [(0, 0, 0), (3.7, 0.2, 0), (0.1, 3.8, 0), (0, 0.3, 3.6)])


def salt() -> Atoms:
    """Rock salt with charges, displaced and strained."""
    atoms = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    atoms.set_cell(atoms.cell.array @ [[1.0, 0.02, 0.0], [0.0, 1.03, 0.01], [0.0, 0.0, 0.98]], scale_atoms=True)
    atoms.set_initial_charges([1.0, -1.0] * 4)
    atoms.rattle(0.1, seed=3)
    return atoms


@pytest.fixture
def structures() -> dict[str, Atoms]:
    return {make.__name__: make() for make in (argon, slab, cluster, salt)}


@pytest.fixture
def alone():
    """Make a pipeline of one model."""

    def make(model, *, use_autograd=None, **options):
        follow = bool(model.model_config.autograd_inputs) if use_autograd is None else use_autograd
        return PipelineModelWrapper([PipelineGroup([model], use_autograd=follow, **options)])

    return make


@pytest.fixture
def step():
    """Make a step of one of the toolkit's models."""
    return lambda model, **options: named_step(model=model, **options)


@pytest.fixture(scope="session")
def d3_file(tmp_path_factory):
    """The reference values of D3 as the toolkit reads them, from tad-dftd3: the toolkit would download them."""
    tables = load_tables()
    path = tmp_path_factory.mktemp("d3") / "parameters.pt"
    torch.save({"rcov": tables.rcov, "r4r2": tables.r4r2, "c6ab": tables.c6, "cn_ref": tables.cn}, path)
    return path
