"""Numbers from manuals and tables that s-dftd3's authors print."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from tad_dftd3.reference import Reference

from alchemi_core.quantities import BOHR, HARTREE

# The first of the MB16-43 molecules, Bohr, and its energies in Hartree: s-dftd3 1.7, Python manual and test suite
# (https://pypi.org/project/dftd3/1.7.0, dftd3/test_interface.py).
NUMBERS = [1, 1, 6, 5, 1, 15, 8, 17, 13, 15, 5, 1, 9, 15, 1, 15]
POSITIONS = np.array(
    [
        [2.79274810283778, 3.82998228828316, -2.79287054959216],
        [-1.43447454186833, 0.43418729987882, 5.53854345129809],
        [-3.26268343665218, -2.50644032426151, -1.56631149351046],
        [2.14548759959147, -0.88798018953965, -2.24592534506187],
        [-4.30233097423181, -3.93631518670031, -0.48930754109119],
        [0.06107643564880, -3.82467931731366, -2.22333344469482],
        [0.41168550401858, 0.58105573172764, 5.56854609916143],
        [4.41363836635653, 3.92515871809283, 2.57961724984000],
        [1.33707758998700, 1.40194471661647, 1.97530004949523],
        [3.08342709834868, 1.72520024666801, -4.42666116106828],
        [-3.02346932078505, 0.04438199934191, -0.27636197425010],
        [1.11508390868455, -0.97617412809198, 6.25462847718180],
        [0.61938955433011, 2.17903547389232, -6.21279842416963],
        [-2.67491681346835, 3.00175899761859, 1.05038813614845],
        [-4.13181080289514, -2.34226739863660, -3.44356159392859],
        [2.85007173009739, -2.64884892757600, 0.71010806424206],
    ]
)
PRINTED = [
    ("pbe0", "bj", True, -0.029489232932494884),
    ("pbe0", "bj", False, -0.029589132634178342),
    ("b3lyp", "zero", True, -0.022714272555175656),
    ("b3lyp", "zero", False, -0.022814172019166058),
    ("pbe", "mbj", False, -0.06337396631110809),
    ("bp", "mzero", False, -0.026113216333026695),
    ("b97d", "op", False, -0.07691018779028679),
]


@pytest.mark.parametrize(("functional", "damping", "atm", "printed"), PRINTED)
def test_molecule_of_the_manual(evaluate, functional, damping, atm, printed):
    atoms = Atoms(NUMBERS, POSITIONS * BOHR)
    out = evaluate(atoms, requested=("energy",), functional=functional, damping=damping, atm=atm)
    assert out["energy"].item() / HARTREE == pytest.approx(printed, rel=2e-7)


def test_methylenecyclopropane_of_the_ase_manual(evaluate):
    """SCAN-D3(BJ) with three-body term, eV, to the digits that ASE's older constants share."""
    out = evaluate(molecule("methylenecyclopropane"), requested=("energy",), functional="SCAN", atm=True)
    assert out["energy"].item() == pytest.approx(-0.03880921894, abs=1e-8)


@pytest.mark.parametrize(("symbol", "number"), [("He", 2), ("Ar", 18), ("Xe", 54)])
@pytest.mark.parametrize("backend", ["s-dftd3", "warp"])
def test_undamped_pair_is_minus_c6_over_r6(evaluate, backend, symbol, number):
    """A noble gas has one reference C6, which tad-dftd3 tabulates on its own."""
    distance = 12.0
    out = evaluate(
        Atoms([symbol] * 2, [[0, 0, 0], [0, 0, distance * BOHR]]),
        requested=("energy", "forces"),
        parameters={"s8": 0.0, "a1": 0.0, "a2": 0.0},
        backend=backend,
    )
    c6 = float(Reference().c6[number, number, 0, 0])
    assert out["energy"].item() == pytest.approx(-c6 / distance**6 * HARTREE, rel=2e-6)
    assert out["forces"][0, 2].item() == pytest.approx(6 * c6 / distance**7 * HARTREE / BOHR, rel=2e-6)
