from __future__ import annotations

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, fcc111, molecule

from alchemi_core.data.batch import Batch
from alchemi_core.neighbors import building, filtering, formats, halves
from alchemi_core.neighbors.adapting import NeighborToolkit


@pytest.fixture(params=[torch.float64, torch.float32], ids=["float64", "float32"])
def dtype(request):
    return request.param


@pytest.fixture
def mixed():
    """A crystal, a molecule, a slab whose third vector is zero, and a rattled left-handed cell, in one batch."""
    slab = fcc111("Cu", (2, 2, 2))
    slab.cell[2] = 0.0
    left = bulk("NaCl", "rocksalt", a=5.64)
    left.set_cell(left.cell[[1, 0, 2]])
    left.rattle(0.1, seed=3)
    return [bulk("Si"), molecule("CH3CH2OH"), slab, left]


@pytest.fixture
def batch(mixed, dtype):
    return Batch.from_ase(mixed, dtype=dtype)


@pytest.fixture
def toolkit():
    return NeighborToolkit(
        build=building.build,
        filter=filtering.filter_list,
        to_matrix=formats.to_matrix,
        to_coo=formats.to_coo,
        to_half=halves.to_half,
        to_full=halves.to_full,
    )


@pytest.fixture
def argon():
    """Make a batch of argon atoms at given places, periodic where a cell is given."""

    def make(positions, cell=None, pbc=True, dtype=torch.float64):
        places = np.asarray(positions, dtype=float).reshape(-1, 3)
        return Batch.from_ase(
            Atoms(f"Ar{len(places)}" if len(places) else "", positions=places, cell=cell, pbc=cell is not None and pbc),
            dtype=dtype,
        )

    return make
