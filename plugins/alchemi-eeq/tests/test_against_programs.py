"""The same charges from tad-multicharge (molecules) and from dftd4's Fortran (molecules and crystals)."""

import numpy as np
import pytest
import torch
from alchemi_eeq.parameters import read_parameters
from ase import Atoms
from tad_mctc.data.radii import COV_D3
from tad_mctc.ncoord import cn_eeq
from tad_multicharge.model.eeq import EEQModel
from tad_multicharge.param import eeq2019

from alchemi_core.quantities import BOHR, HARTREE

_, TABLE = read_parameters()


def test_parameters_are_those_of_tad_multicharge():
    for ours, theirs in (
        (TABLE.electronegativity, eeq2019.chi),
        (TABLE.hardness, eeq2019.eta),
        (TABLE.coordination, eeq2019.kcn),
        (TABLE.width, eeq2019.rad),
        (TABLE.radius, COV_D3(dtype=torch.float64)[:104]),
    ):
        precision = torch.finfo(theirs.dtype).eps  # some versions keep single precision
        torch.testing.assert_close(ours, theirs.double(), rtol=max(precision, 1e-8), atol=0.0)


def tad_multicharge(atoms):
    """Charges and energy of tad-multicharge, with parameters in double precision."""
    numbers = torch.tensor(atoms.numbers)
    positions = torch.tensor(atoms.positions) / BOHR
    total = torch.tensor(float(atoms.info.get("charge", 0.0)), dtype=torch.float64)
    model = EEQModel(TABLE.electronegativity, TABLE.coordination, TABLE.hardness, TABLE.width)
    charges, energies = model.solve(numbers, positions, total, cn_eeq(numbers, positions), return_energy=True)
    return charges, energies.sum() * HARTREE


def test_molecules_are_those_of_tad_multicharge(evaluate, some_molecule):
    out = evaluate(some_molecule, energy=True, requested=("charges", "energy"))
    charges, energy = tad_multicharge(some_molecule)
    torch.testing.assert_close(out["charges"], charges, rtol=0, atol=2e-8)
    assert out["energy"].item() == pytest.approx(energy.item(), abs=1e-6)


def test_molecules_are_those_of_multicharge(evaluate, multicharge, some_molecule):
    np.testing.assert_allclose(evaluate(some_molecule)["charges"], multicharge(some_molecule), rtol=0, atol=2e-8)


def test_crystals_are_those_of_multicharge(evaluate, multicharge, some_crystal):
    """Its sums stop at two lattice vectors, which is not enough in small cells; see test_lattice_sums.py."""
    cell = some_crystal if len(some_crystal) > 20 else some_crystal.repeat(2)
    tolerance = 5e-6 if len(some_crystal) == 40 else 2e-7
    np.testing.assert_allclose(evaluate(cell)["charges"], multicharge(cell), rtol=0, atol=tolerance)


def test_a_box_of_192_atoms_is_that_of_multicharge(evaluate, multicharge, large_box):
    assert len(large_box) == 192
    np.testing.assert_allclose(evaluate(large_box)["charges"], multicharge(large_box), rtol=0, atol=2e-7)


def test_formamide_and_its_dimer(evaluate):
    """Energies that tad-multicharge prints in its README for S22 system 4: −0.2087 and −0.0972 Hartree."""
    half = [
        ("C", -3.81469488143921, 0.09993441402912),
        ("N", -2.66030049324036, -2.15898251533508),
        ("H", -0.73178529739380, -2.28237795829773),
        ("H", -5.89039325714111, -0.02589114569128),
        ("H", -3.71254944801331, -3.73605775833130),
        ("O", -2.74426102638245, 2.16115570068359),
    ]
    one = [("C", -0.55569743203406, 1.09030425468557), ("O", 0.51473634678469, 3.15152550263611)]
    one += [("N", 0.59869690244446, -1.16861263789477), ("H", -0.45355203669134, -2.74568780438064)]
    one += [("H", 2.52721209544999, -1.29200800956867), ("H", -2.63139587595376, 0.96447869452240)]
    two = half + [(symbol, -x, -y) for symbol, x, y in half]
    systems = [Atoms([a[0] for a in atoms], [[a[1] * BOHR, a[2] * BOHR, 0.0] for a in atoms]) for atoms in (two, one)]
    energies = evaluate(systems, energy=True, requested=("energy",))["energy"][:, 0] / HARTREE
    np.testing.assert_allclose(energies, [-0.2087, -0.0972], rtol=0, atol=5e-5)
