"""Reference functions, structures, and the rule that tests on a device are asked for by ``-m gpu``."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, fcc111, molecule

from alchemi_core.data.batch import Batch
from alchemi_core.neighbors import building, filtering, formats, halves
from alchemi_core.neighbors.adapting import NeighborToolkit


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave tests that need a CUDA device to ``-m gpu``, and say how many were left."""
    if "gpu" in config.option.markexpr:
        return
    left = [item for item in items if item.get_closest_marker("gpu")]
    items[:] = [item for item in items if item not in left]
    config.hook.pytest_deselected(items=left)


@pytest.fixture(params=[torch.float64, torch.float32], ids=["float64", "float32"])
def dtype(request):
    return request.param


@pytest.fixture(scope="session")
def mixed():
    """A crystal, a molecule, a slab whose third vector is zero, nothing, and a rattled left-handed cell."""
    slab = fcc111("Cu", (2, 2, 2))
    slab.cell[2] = 0.0
    left = bulk("NaCl", "rocksalt", a=5.64)
    left.set_cell(left.cell[[1, 0, 2]])
    left.rattle(0.1, seed=3)
    return [bulk("Si"), molecule("CH3CH2OH"), slab, Atoms(), left]


@pytest.fixture
def batch(mixed, dtype):
    return Batch.from_ase(mixed, dtype=dtype)


@pytest.fixture(scope="session")
def reference():
    """The core's own functions, one after the other."""
    return NeighborToolkit(
        build=building.build,
        filter=filtering.filter_list,
        to_matrix=formats.to_matrix,
        to_coo=formats.to_coo,
        to_half=halves.to_half,
        to_full=halves.to_full,
    )


@pytest.fixture(scope="session")
def argon():
    """Make a batch of argon atoms at given places, periodic where a cell is given."""

    def make(positions, cell=None, pbc=True, dtype=torch.float64):
        places = np.asarray(positions, dtype=float).reshape(-1, 3)
        symbols = f"Ar{len(places)}" if len(places) else ""
        return Batch.from_ase(Atoms(symbols, places, cell=cell, pbc=cell is not None and pbc), dtype=dtype)

    return make
