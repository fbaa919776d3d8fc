"""ASE's Morse potential ends with the same switch; its Hookean constraint is a spring on one side."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.morse import MorsePotential
from ase.constraints import Hookean
from ase.stress import voigt_6_to_full_3x3_stress

D, A, R0, ON, CUTOFF = 0.3429, 1.3588, 2.866, 5.0, 7.3
COPPER = {"pairs": {"Cu-Cu": {"D": D, "a": A, "r0": R0}}, "cutoff": CUTOFF, "switch_on": ON}


def structures():
    rattled = bulk("Cu", "fcc", a=3.6, cubic=True)
    rattled.rattle(0.1, seed=7)
    skewed = bulk("Cu", "fcc", a=3.7)
    skewed.set_cell(skewed.cell.array @ [[1.0, 0.1, 0.2], [0.0, 1.1, -0.1], [0.05, 0.0, 0.9]], scale_atoms=True)
    slab = rattled * (2, 1, 1)
    slab.pbc = (True, True, False)
    outside, left_handed = rattled.copy(), rattled.copy()
    outside.positions[2] += outside.cell[0] * 3 - outside.cell[1] * 2
    left_handed.set_cell(left_handed.cell.array[[1, 0, 2]])
    cluster = Atoms("Cu5", rattled.positions[[0, 1, 2, 3, 0]] + np.eye(5, 3) * [2.4, 0.3, 0.1])
    return {
        "one atom that meets its own images": bulk("Cu", "fcc", a=3.61),
        "skewed": skewed,
        "slab": slab,
        "outside its cell": outside,
        "left-handed": left_handed,
        "cluster": cluster,
    }


def test_morse(evaluate):
    batch = structures()
    out = evaluate(list(batch.values()), "morse", requested=("energy", "forces", "stress", "node_energies"), **COPPER)
    start = 0
    for row, (name, atoms) in enumerate(batch.items()):
        atoms.calc = MorsePotential(epsilon=D, r0=R0, rho0=A * R0, rcut1=ON / R0, rcut2=CUTOFF / R0)
        stop = start + len(atoms)
        assert out["energy"][row].item() == pytest.approx(atoms.get_potential_energy(), rel=1e-11), name
        np.testing.assert_allclose(out["forces"][start:stop], atoms.get_forces(), atol=1e-11, err_msg=name)
        np.testing.assert_allclose(out["node_energies"][start:stop], atoms.get_potential_energies(), rtol=1e-10)
        if atoms.pbc.any():
            stress = voigt_6_to_full_3x3_stress(atoms.get_stress())
            np.testing.assert_allclose(out["stress"][row], stress, atol=1e-13, err_msg=name)
        start = stop


@pytest.mark.parametrize("distance", [1.1, 1.9])
def test_wall_is_a_hookean_constraint(evaluate, distance):
    atoms = Atoms("CO", [[0.1, 0.2, 0.3], np.array([0.1, 0.2, 0.3]) + distance * np.array([2.0, -1.0, 2.0]) / 3.0])
    hookean = Hookean(0, 1, 12.0, rt=1.4)
    expected = np.zeros((2, 3))
    hookean.adjust_forces(atoms, expected)
    restraint = {"atoms": (0, 1), "r0": 1.4, "k": 12.0, "side": "above"}
    out = evaluate(atoms, "restrain-distances", restraints=[restraint])
    assert out["energy"].item() == pytest.approx(hookean.adjust_potential_energy(atoms), rel=1e-13, abs=1e-14)
    np.testing.assert_allclose(out["forces"], expected, atol=1e-12)
