"""A wall of one plugin and a lattice sum of another hold a crystal at its measured size."""

import numpy as np
import pytest
import torch
from ase.build import bulk

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model
from alchemi_core.quantities import COULOMB_CONSTANT

pytestmark = pytest.mark.usefixtures("prints")  # Warp says on stderr that there is no CUDA driver

MAGNESIA = {"Mg-O": {"A": 821.6, "rho": 0.3242}, "O-O": {"A": 22764.3, "rho": 0.149, "C": 27.88}}
"""Lewis and Catlow, J. Phys. C 18, 1149 (1985), doi:10.1088/0022-3719/18/6/010, with whole charges."""

MADELUNG = 1.7475645946
"""Of rock salt, in units of the nearest-neighbor distance; D. Borwein et al., J. Math. Phys. 26, 2999 (1985)."""

EDGES = np.array((4.20, 4.21, 4.22))
CUTOFF = 12.0


def rock_salt_energy(edge):
    """Energy of one MgO by Madelung's constant and a sum over a grid of a/2, whose odd sites hold the other ion."""
    reach = int(2 * CUTOFF / edge) + 1
    sites = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 3), axis=-1).reshape(-1, 3)
    r, odd = 0.5 * edge * np.linalg.norm(sites, axis=1), sites.sum(1) % 2 == 1
    wall, oxygen = MAGNESIA["Mg-O"], MAGNESIA["O-O"]
    other = r[odd & (r < CUTOFF)]
    same = r[~odd & (r > 0) & (r < CUTOFF)]
    between = (wall["A"] * np.exp(-other / wall["rho"])).sum()
    among = (oxygen["A"] * np.exp(-same / oxygen["rho"]) - oxygen["C"] / same**6).sum()
    return between + 0.5 * among - MADELUNG * COULOMB_CONSTANT * 4.0 / (0.5 * edge)


@pytest.mark.parametrize(("sum_over_charges", "within"), [("ewald", 1e-5), ("pme", 1e-3)])
def test_magnesia_has_its_published_lattice_constant(sum_over_charges, within):
    short = create_model("buckingham", pairs=MAGNESIA, non_interacting="Mg-Mg", cutoff=CUTOFF, shift=False)
    pipe = PipelineModelWrapper([PipelineGroup([short, create_model(sum_over_charges)], use_autograd=True)])
    crystals = Batch.from_ase([bulk("MgO", "rocksalt", a=edge, cubic=True) for edge in EDGES])
    charges = torch.where(crystals.atomic_numbers == 12, 2.0, -2.0).to(crystals.dtype)
    energies = pipe(crystals.with_fields(charges=charges), requested={"energy"})["energy"].flatten().numpy() / 4
    np.testing.assert_allclose(energies, [rock_salt_energy(edge) for edge in EDGES], rtol=0, atol=within)
    curve = np.polyfit(EDGES - 4.21, energies, 2)
    assert 4.21 - curve[1] / (2.0 * curve[0]) == pytest.approx(4.212, abs=0.003)
