"""A wall of one plugin and a lattice sum of another hold a crystal at its measured size."""

import numpy as np
import pytest
import torch
from ase.build import bulk

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model

pytestmark = pytest.mark.usefixtures("prints")  # Warp says on stderr that there is no CUDA driver

MAGNESIA = {"Mg-O": {"A": 821.6, "rho": 0.3242}, "O-O": {"A": 22764.3, "rho": 0.149, "C": 27.88}}
"""Lewis and Catlow, J. Phys. C 18, 1149 (1985), doi:10.1088/0022-3719/18/6/010, with whole charges."""

EDGES = (4.20, 4.21, 4.22)


@pytest.mark.parametrize("sum_over_charges", ["ewald", "pme"])
def test_magnesia_has_its_published_lattice_constant(sum_over_charges):
    short = create_model("buckingham", pairs=MAGNESIA, non_interacting="Mg-Mg", cutoff=12.0)
    pipe = PipelineModelWrapper([PipelineGroup([short, create_model(sum_over_charges)], use_autograd=True)])
    crystals = Batch.from_ase([bulk("MgO", "rocksalt", a=edge, cubic=True) for edge in EDGES])
    charges = torch.where(crystals.atomic_numbers == 12, 2.0, -2.0).to(crystals.dtype)
    energies = pipe(crystals.with_fields(charges=charges), requested={"energy"})["energy"].flatten().numpy()
    curve = np.polyfit(np.array(EDGES) - 4.21, energies, 2)
    assert 4.21 - curve[1] / (2.0 * curve[0]) == pytest.approx(4.212, abs=0.003)
    assert energies[1] / 4 == pytest.approx(-40.545, abs=0.01)  # Madelung's constant and a sum over the lattice
