"""`pair_style sw` of LAMMPS, from numbers that reference/make_lammps.py wrote with LAMMPS 22 Jul 2025."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from alchemi_core import Batch, create_model, differentiate
from ase import Atoms

from alchemi_stillinger_weber.hooks import NAME

REFERENCE = json.loads((Path(__file__).parent / "reference" / "lammps.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", REFERENCE)
def test_energy_forces_stress(case: str) -> None:
    expected = REFERENCE[case]
    positions = expected["positions"]
    atoms = Atoms(f"Si{len(positions)}", positions, cell=expected["cell"], pbc=True)
    model = create_model(NAME, **expected["options"])
    out = differentiate(model, "autograd")(Batch.from_ase(atoms), {"energy", "forces", "stress"})
    assert out["energy"].item() == pytest.approx(expected["energy"], rel=1e-11)
    for quantity, value in (("forces", out["forces"]), ("stress", out["stress"][0])):
        scale = np.abs(expected[quantity]).max()
        np.testing.assert_allclose(value, expected[quantity], rtol=0.0, atol=1e-10 * scale)
