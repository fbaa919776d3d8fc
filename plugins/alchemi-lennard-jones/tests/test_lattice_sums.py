"""Crystals, against published lattice sums.

J. E. Jones and A. E. Ingham, Proc. R. Soc. A 107, 636 (1925), as quoted by Kittel, Introduction to Solid State Physics,
chapter 3: with nearest-neighbor distance R an atom has E = 2 ε (A₁₂ (σ/R)¹² − A₆ (σ/R)⁶).
"""

import math

import pytest
from ase.build import bulk

SUMS = {"fcc": (12.13188, 14.45392), "hcp": (12.13229, 14.45489)}
NEAREST = {"fcc": math.sqrt(0.5), "hcp": 1.0}


def tail(density, cutoff):
    """Energy per atom beyond the cutoff in an even medium (Allen and Tildesley, Computer Simulation of Liquids)."""
    return 8.0 / 3.0 * math.pi * density * (cutoff**-9 / 3.0 - cutoff**-3)


def crystal(structure, nearest):
    more = {"covera": math.sqrt(8.0 / 3.0)} if structure == "hcp" else {}
    return bulk("Ar", structure, a=nearest / NEAREST[structure], **more)


@pytest.mark.parametrize("structure", SUMS)
def test_lattice_sum(evaluate, structure):
    twelve, six = SUMS[structure]
    atoms, cutoff = crystal(structure, 1.1), 12.0
    out = evaluate(atoms, requested=("energy",), epsilon=1.0, sigma=1.0, cutoff=cutoff, shift=False)
    per_atom = out["energy"].item() / len(atoms) + tail(len(atoms) / atoms.get_volume(), cutoff)
    assert per_atom == pytest.approx(2.0 * (twelve * 1.1**-12 - six * 1.1**-6), rel=2e-5)


def test_fcc_crystal_is_bound_by_8_61_epsilon_at_1_0902_sigma(evaluate):
    energies = []
    for nearest in (1.0802, 1.0902, 1.1002):
        atoms = crystal("fcc", nearest)
        out = evaluate(atoms, requested=("energy",), epsilon=1.0, sigma=1.0, cutoff=12.0, shift=False)
        energies.append(out["energy"].item() + tail(1.0 / atoms.get_volume(), 12.0))
    assert energies[1] == pytest.approx(-8.610, abs=5e-4)
    assert energies[1] < min(energies[0], energies[2])
