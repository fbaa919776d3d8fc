"""The pair styles of LAMMPS, from numbers that reference/make_lammps.py wrote with LAMMPS 22 Jul 2025."""

import json
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

REFERENCE = json.loads((Path(__file__).parent / "reference" / "lammps.json").read_text(encoding="utf-8"))
METALS = {
    "Cu-Cu": {"D": 0.3429, "a": 1.3588, "r0": 2.866},
    "Ag-Ag": {"D": 0.3323, "a": 1.3690, "r0": 3.115},
    "Cu-Ag": {"D": 0.3376, "a": 1.3640, "r0": 2.990},
}
REACHES = {"Cu-Cu": 6.0, "Ag-Ag": 7.0, "Cu-Ag": 6.5}
MAGNESIA = {"O-Mg": {"A": 1428.5, "rho": 0.2945}, "O-O": {"A": 22764.3, "rho": 0.149, "C": 27.88}}
SALT = {
    "Na-Na": {"A": 0.2637, "rho": 0.317, "sigma": 2.340, "C": 1.0486, "D": -0.4993},
    "Na-Cl": {"A": 0.2110, "rho": 0.317, "sigma": 2.755, "C": 6.9906, "D": -8.6758},
    "Cl-Cl": {"A": 0.1582, "rho": 0.317, "sigma": 3.170, "C": 72.4022, "D": -145.4285},
}
MODELS = {
    "morse": ("morse", {"pairs": {p: {**v, "cutoff": REACHES[p]} for p, v in METALS.items()}, "shift": False}),
    "morse, shifted": ("morse", {"pairs": METALS, "cutoff": 6.0}),
    "zbl": ("zbl", {"inner": 2.0, "outer": 3.5}),
    "buckingham": ("buckingham", {"pairs": MAGNESIA, "non_interacting": "Mg-Mg", "cutoff": 7.0, "shift": False}),
    "buckingham, shifted": ("buckingham", {"pairs": MAGNESIA, "non_interacting": "rest", "cutoff": 7.0, "shift": True}),
    "born": ("born-mayer", {"pairs": SALT, "cutoff": 7.0, "shift": False}),
}
# LAMMPS has the Coulomb constant to eight digits only
ACCURACY = {"zbl": 1e-7}


@pytest.mark.parametrize("case", REFERENCE)
def test_energy_forces_stress(evaluate, case):
    expected = REFERENCE[case]
    atoms = Atoms(expected["symbols"], expected["positions"], cell=expected["cell"], pbc=True)
    name, options = MODELS[case]
    out = evaluate(atoms, name, requested=("energy", "forces", "stress"), **options)
    rtol = ACCURACY.get(case, 1e-11)
    assert out["energy"].item() == pytest.approx(expected["energy"], rel=rtol)
    for quantity, value in (("forces", out["forces"]), ("stress", out["stress"][0])):
        scale = np.abs(expected[quantity]).max()
        np.testing.assert_allclose(value, expected[quantity], rtol=0.0, atol=10 * rtol * scale)


def test_every_model_is_among_them():
    assert set(MODELS) == set(REFERENCE)
