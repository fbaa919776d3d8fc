"""Born charges of predicted charges: sum rule, differences of the dipole, and what composition leaves as it is."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import molecule
from ase.units import Debye

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model, differentiate
from alchemi_core.errors import DataError

pytestmark = pytest.mark.usefixtures("prints")  # Warp says on stderr that there is no CUDA driver

UNIT = torch.eye(3, dtype=torch.float64)


def ion(name, charge, **changes):
    atoms = Atoms(name, **changes) if changes else molecule(name)
    atoms.info["charge"] = charge
    return atoms


@pytest.fixture(scope="module")
def systems():
    """Water, benzene, an ion of each sign, and a single one."""
    hydronium = [(0, 0, 0.1), (0.94, 0, -0.2), (-0.47, 0.81, -0.2), (-0.47, -0.81, -0.2)]
    found = [
        ion("H2O", 0),
        ion("C6H6", 0),
        ion("HCOO", -1, positions=[(1.1, 0, 0), (0, 0, 0), (-0.5, 1.15, 0.1), (-0.55, -1.1, 0)]),
        ion("OH3", 1, positions=hydronium),
        ion("Na", 1, positions=[(3, -2, 1)]),
    ]
    for seed, atoms in enumerate(found):
        atoms.rattle(0.02, seed=seed)
        atoms.translate((1.0, -2.0, 3.0))
    return found


@pytest.fixture(scope="module")
def batch(systems):
    return Batch.from_ase(systems)


def sums(each, batch):
    return each.new_zeros(batch.num_systems, 3, 3).index_add(0, batch.batch_idx, each)


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float64, 1e-11), (torch.float32, 2e-4)])
def test_sum_rule(systems, batch, dtype, atol):
    found = differentiate(create_model("eeq"), "born-charges")(Batch.from_ase(systems, dtype=dtype))["born_charges"]
    charges = torch.tensor([0.0, 0.0, -1.0, 1.0, 1.0], dtype=dtype)
    torch.testing.assert_close(sums(found, batch), charges[:, None, None] * UNIT.to(dtype), rtol=0, atol=atol)
    assert found[batch.batch_idx < 4].abs().amax((1, 2)).min() > 0.05


def test_differences_of_the_dipole(systems, batch):
    """μ from the charges that a plain pipeline gives, summed here, at displaced atoms of all systems at once."""
    model = create_model("eeq")
    plain, found = PipelineModelWrapper([PipelineGroup([model])]), differentiate(model, "born-charges")(batch)

    def dipole(places):
        moved = batch.with_fields(positions=places)
        each = plain(moved, {"charges"})["charges"][:, None] * places
        return each.new_zeros(batch.num_systems, 3).index_add(0, batch.batch_idx, each)

    torch.testing.assert_close(found["dipole"], dipole(batch.positions), rtol=1e-12, atol=1e-12)
    step, sizes = 2e-3, np.diff(batch.ptr)
    for rank in range(max(sizes)):
        atoms = torch.tensor([start + rank for start, size in zip(batch.ptr, sizes, strict=False) if rank < size])
        for axis in range(3):
            shift = torch.zeros_like(batch.positions)
            shift[atoms, axis] = step
            ends = {count: dipole(batch.positions + count * shift) for count in (-2, -1, 1, 2)}
            slope = (8 * (ends[1] - ends[-1]) - (ends[2] - ends[-2])) / (12 * step)
            expected = slope[batch.batch_idx[atoms]]
            torch.testing.assert_close(found["born_charges"][atoms, :, axis], expected, rtol=1e-7, atol=1e-8)


def test_water_is_polar_and_benzene_is_not(batch):
    """Water has 1.85 D (Clough et al., J. Chem. Phys. 59, 2254 (1973)); point charges alone miss a tenth or so."""
    dipole = differentiate(create_model("eeq"), "dipole")(batch)["dipole"] / Debye
    assert float(dipole[0].norm()) == pytest.approx(1.85, abs=0.4)
    assert float(dipole[1].norm()) < 0.1
    assert float(differentiate(create_model("eeq"), "dipole", origin="mass")(batch)["dipole"][4].norm()) == 0.0


def test_a_coulomb_sum_beside_changes_nothing(batch):
    steps = [create_model("eeq"), create_model("ewald", hybrid_forces=False)]
    pipe = PipelineModelWrapper([PipelineGroup(steps, use_autograd=True, derivative_fn="born-charges")])
    plain = PipelineModelWrapper([PipelineGroup(steps, use_autograd=True)])
    out = pipe(batch, {"born_charges", "dipole", "forces", "energy"})
    alone = differentiate(create_model("eeq"), "born-charges")(batch)
    expected = {**alone, **plain(batch, {"forces", "energy"})}
    for name in ("born_charges", "dipole", "forces", "energy"):
        torch.testing.assert_close(out[name], expected[name], rtol=1e-9, atol=1e-10)


def test_crystals_are_refused(batch):
    box = molecule("H2O", cell=[6, 6, 6], pbc=True)
    with pytest.raises(DataError, match="system 0 of the batch is periodic"):
        differentiate(create_model("eeq"), "born-charges")(Batch.from_ase(box))
