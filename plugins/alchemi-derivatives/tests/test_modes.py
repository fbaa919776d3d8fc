"""Normal modes: frequencies of springs whose closed forms are in textbooks, and what is taken out of the spectrum."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.constants as si
import torch
from alchemi_derivatives.modes import harmonic_modes
from ase import Atoms
from ase.data import atomic_masses
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemi_core import Batch, create_model, differentiate
from alchemi_core.errors import DataError

MILLIDYNE = 100.0 * 1e-20 / si.e
"""1 mdyn/Å, which is 100 N/m, in eV/Å²."""

HYDROGEN, CARBON, OXYGEN = (float(atomic_masses[z]) for z in (1, 6, 8))


def wavenumber(curvature_per_mass):
    """√λ / 2πc in cm⁻¹ of λ in eV/(Å² u), with the constants that scipy has."""
    return np.sqrt(np.asarray(curvature_per_mass) * si.e * 1e20 / si.atomic_mass) / (200.0 * math.pi * si.c)


def springs(bonds, bends=()):
    """Model of bonds (atoms, length, k in eV/Å²) and angles (atoms, degrees, k in eV/rad²)."""
    model = create_model("restrain-distances", restraints=[{"atoms": a, "r0": r0, "k": k} for a, r0, k in bonds])
    if not bends:
        return model
    return model + create_model(
        "restrain-angles", restraints=[{"atoms": a, "theta0": theta0, "k": k} for a, theta0, k in bends]
    )


def modes_of(model, atoms, **options):
    hessian = differentiate(model, "hessian", **options)(Batch.from_ase(atoms))["hessian"][0]
    return harmonic_modes(hessian, atoms)


def test_the_factor_of_the_textbook():
    """λ = 0.58915 (ν̃/1000)², λ in mdyn/(Å u) and ν̃ in cm⁻¹: Wilson, Decius and Cross, section 4-2."""
    atoms = Atoms("H2", positions=[(0, 0, 0), (0, 0, 0.7)])
    atoms.set_masses([2.0, 2.0])
    found = modes_of(springs([((0, 1), 0.7, MILLIDYNE)]), atoms)
    assert found.frequencies.tolist() == pytest.approx([1000.0 / math.sqrt(0.58915)], rel=1e-4)


LENGTH, ANGLE = 0.9584, 104.45
STRETCH, BEND = 7.76 * MILLIDYNE, 0.69 * MILLIDYNE
"""k₁ and k_δ/l² of H₂O with valence forces: G. Herzberg, Infrared and Raman Spectra (1945), chapter II.4."""


def water():
    half = math.radians(ANGLE / 2)
    x, y = LENGTH * math.sin(half), LENGTH * math.cos(half)
    return Atoms("OH2", positions=[(0, 0, 0), (x, y, 0), (-x, y, 0)])


def water_springs():
    return springs([((0, n), LENGTH, STRETCH) for n in (1, 2)], [((1, 0, 2), ANGLE, BEND * LENGTH**2)])


def water_closed_form():
    """Bend and both stretches of bent XY₂ with valence forces, cm⁻¹: Herzberg, eqs. II,209 to II,211."""
    y, x, half = HYDROGEN, OXYGEN, math.radians(ANGLE / 2)
    sines, cosines = 1 + 2 * y / x * math.sin(half) ** 2, 1 + 2 * y / x * math.cos(half) ** 2
    total = cosines * STRETCH / y + 2 * sines * BEND / y
    product = 2 * (1 + 2 * y / x) * STRETCH * BEND / y**2
    root = math.sqrt(total**2 / 4 - product)
    return wavenumber([total / 2 - root, total / 2 + root, sines * STRETCH / y])


def test_water():
    found = modes_of(water_springs(), water())
    np.testing.assert_allclose(found.frequencies, water_closed_form(), rtol=1e-8)
    # What is measured, ν₂ ν₁ ν₃ of H₂O, is what Herzberg chose the constants for.
    np.testing.assert_allclose(found.frequencies, [1594.7, 3657.1, 3755.9], rtol=0.03)
    quantum = si.h * si.c * 100.0 / si.e
    assert found.zero_point_energy == pytest.approx(0.5 * quantum * water_closed_form().sum(), rel=1e-8)
    assert found.energies.sum().item() == pytest.approx(2.0 * found.zero_point_energy, rel=1e-12)
    assert found.imaginary == 0
    assert found.rigid.shape == (6,)
    assert found.rigid.abs().max() < 1e-2
    assert found.asymmetry < 1e-12


def test_water_by_differences():
    """Forces of springs are not linear in positions: an error of second order in the step remains."""
    errors = [
        np.abs(
            modes_of(water_springs(), water(), method="differences", step=step).frequencies.numpy()
            - water_closed_form()
        )
        for step in (0.01, 0.001)
    ]
    assert errors[0].max() < 2.0
    assert errors[1].max() < 0.015 * errors[0].max()


def test_carbon_dioxide():
    """Linear XY₂, Herzberg, eqs. II,212 to II,214: four modes, two of them alike, however the molecule lies."""
    stretch, bend, length, share = 15.5 * MILLIDYNE, 0.57 * MILLIDYNE, 1.16, 1 + 2 * OXYGEN / CARBON
    atoms = Atoms("OCO", positions=[(0, 0, 0), (0, 0, length), (0, 0, 2 * length)])
    atoms.rotate(40, (1, 2, 3))
    bonds = [((1, n), length, stretch) for n in (0, 2)]
    found = modes_of(springs(bonds, [((0, 1, 2), 180.0, bend * length**2)]), atoms)
    expected = wavenumber([2 * share * bend / OXYGEN] * 2 + [stretch / OXYGEN, share * stretch / OXYGEN])
    np.testing.assert_allclose(found.frequencies, expected, rtol=1e-8)
    assert found.rigid.shape == (5,)
    np.testing.assert_allclose(found.frequencies, [667.4, 667.4, 1333.0, 2349.1], rtol=0.1)  # measured


RING, ARM = 1.397, 1.084
RING_STRETCH, ARM_STRETCH = 7.62 * MILLIDYNE, 5.06 * MILLIDYNE
"""Valence forces of benzene near those of E. B. Wilson, Phys. Rev. 45, 706 (1934), doi:10.1103/PhysRev.45.706."""

BENZENE_BONDS = [((n, (n + 1) % 6), RING, RING_STRETCH) for n in range(6)]
BENZENE_BONDS += [((n, n + 6), ARM, ARM_STRETCH) for n in range(6)]
BENZENE_BENDS = [(((n - 1) % 6, n, (n + 1) % 6), 120.0, 0.7 * MILLIDYNE * RING**2) for n in range(6)]
BENZENE_BENDS += [
    ((n + 6, n, (n + side) % 6), 120.0, 0.4 * MILLIDYNE * RING * ARM) for n in range(6) for side in (1, -1)
]


def benzene():
    corners = np.array([[math.cos(n * math.pi / 3), math.sin(n * math.pi / 3), 0.0] for n in range(6)])
    return Atoms("C6H6", positions=np.concatenate([RING * corners, (RING + ARM) * corners]))


def s_vectors(positions, atoms):
    """Row of the B matrix of a bond or an angle: Wilson, Decius and Cross, section 4-1."""
    row = np.zeros_like(positions)
    center = atoms[1] if len(atoms) == 3 else atoms[0]
    arms = {n: positions[n] - positions[center] for n in atoms if n != center}
    lengths = {n: np.linalg.norm(arm) for n, arm in arms.items()}
    units = {n: arm / lengths[n] for n, arm in arms.items()}
    if len(atoms) == 2:
        row[atoms[1]] = units[atoms[1]]
    else:
        cosine = units[atoms[0]] @ units[atoms[2]]
        for n, other in ((atoms[0], atoms[2]), (atoms[2], atoms[0])):
            row[n] = (cosine * units[n] - units[other]) / (lengths[n] * math.sqrt(1 - cosine**2))
    row[center] -= row.sum(axis=0)
    return row.flatten()


def test_benzene():
    """All frequencies in the plane from GF, G = B M⁻¹ Bᵀ, in which no Hessian occurs; none out of the plane."""
    atoms = benzene()
    found = modes_of(springs(BENZENE_BONDS, BENZENE_BENDS), atoms)
    rows = np.array([s_vectors(atoms.positions, one) for one, _, _ in BENZENE_BONDS + BENZENE_BENDS])
    roots = np.sqrt([k for _, _, k in BENZENE_BONDS + BENZENE_BENDS])
    symmetric = roots[:, None] * (rows / np.repeat(atoms.get_masses(), 3)) @ rows.T * roots
    expected = wavenumber(np.linalg.eigvalsh(symmetric)[-21:])
    np.testing.assert_allclose(found.frequencies[9:], expected, rtol=1e-8)
    assert found.frequencies[:9].abs().max() < 0.05
    assert expected[0] > 300.0


def test_benzene_breathing():
    """A₁g, where all atoms move outwards alike and only bonds count: an equation of second degree."""
    found = modes_of(springs(BENZENE_BONDS, BENZENE_BENDS), benzene())
    total = (RING_STRETCH + ARM_STRETCH) / CARBON + ARM_STRETCH / HYDROGEN
    root = math.sqrt(total**2 / 4 - RING_STRETCH * ARM_STRETCH / (CARBON * HYDROGEN))
    for expected, measured in zip(wavenumber([total / 2 - root, total / 2 + root]), (993.1, 3073.9), strict=True):
        nearest = found.frequencies[(found.frequencies - expected).abs().argmin()]
        assert float(nearest) == pytest.approx(expected, rel=1e-8)
        assert expected == pytest.approx(measured, rel=0.02)


def test_displacements_are_eigenvectors():
    atoms = water()
    hessian = differentiate(water_springs(), "hessian")(Batch.from_ase(atoms))["hessian"][0]
    found = harmonic_modes(hessian, atoms)
    masses = torch.from_numpy(atoms.get_masses())
    for frequency, moves in zip(found.frequencies, found.displacements, strict=True):
        squared = float(frequency) ** 2 / wavenumber(1.0) ** 2
        expected = squared * (masses.unsqueeze(1) * moves).flatten()
        torch.testing.assert_close(hessian @ moves.flatten(), expected, rtol=0.0, atol=1e-7)
        torch.testing.assert_close(masses @ moves, torch.zeros(3, dtype=torch.float64), rtol=0.0, atol=1e-10)
        assert float(moves.norm()) == pytest.approx(1.0, abs=1e-12)


@settings(max_examples=15, deadline=None)
@given(
    angle=st.floats(0, 360),
    axis=st.sampled_from([(1, 0, 0), (1, 2, 3), (0, 1, -1)]),
    far=st.floats(-20, 20),
    order=st.permutations(range(3)),
)
def test_nothing_depends_on_where_it_lies(angle, axis, far, order):
    atoms = water()
    atoms.rotate(angle, axis)
    atoms.translate([far, -far, 1.0])
    hessian = differentiate(water_springs(), "hessian")(Batch.from_ase(atoms))["hessian"][0]
    places = [3 * n + axis for n in order for axis in range(3)]
    found = harmonic_modes(hessian[places][:, places], atoms[order])
    np.testing.assert_allclose(found.frequencies, water_closed_form(), rtol=1e-8)


def test_chain_of_two_in_a_cell():
    """ω² = 2k/μ of a periodic chain of two atoms at the zone centre; three translations and no rotation go."""
    atoms = Atoms("NaCl", positions=[(0.3, 0, 0), (3.1, 0, 0)], cell=[5.6, 5.0, 5.0], pbc=True)
    ends = [{"atoms": (0, 1), "shift": (0, 0, 0)}, {"atoms": (1, 0), "shift": (1, 0, 0)}]
    model = create_model("restrain-distances", restraints=[{"r0": 2.8, "k": 5.0, **one} for one in ends])
    found = modes_of(model, atoms)
    inverse = (1 / atoms.get_masses()).sum()
    np.testing.assert_allclose(found.frequencies, [0.0, 0.0, wavenumber(10.0 * inverse)], rtol=1e-8, atol=1e-2)
    assert found.rigid.shape == (3,)


def test_imaginary_frequencies():
    """A pair beyond the inflection of its energy, which is at (26/7)^(1/6) σ: d²E/dr² is negative there."""
    epsilon, sigma, distance = 0.0104, 3.4, 4.5
    model = create_model("lennard-jones", epsilon=epsilon, sigma=sigma, cutoff=30.0)
    atoms = Atoms("Ar2", positions=[(0, 0, 0), (0, 0, distance)])
    found = modes_of(model, atoms)
    power = (sigma / distance) ** 6
    curvature = 4 * epsilon * (156 * power**2 - 42 * power) / distance**2
    expected = -wavenumber(-curvature * 2 / atoms.get_masses()[0])
    assert found.frequencies.tolist() == pytest.approx([expected], rel=1e-6)
    assert expected < -5.0
    assert found.imaginary == 1
    assert found.zero_point_energy == 0.0
    # Off rest a rotation has the curvature dE/dr / r, which is taken out.
    slope = 4 * epsilon * (-12 * power**2 + 6 * power) / distance
    rotation = wavenumber(2 * slope / distance / atoms.get_masses()[0])
    assert found.rigid.tolist() == pytest.approx([0.0, 0.0, 0.0, rotation, rotation], rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(("off", "expected"), [(0.0, 5), (0.005, 5), (0.1, 6)])
def test_when_a_molecule_is_linear(off, expected):
    atoms = Atoms("OCO", positions=[(0, 0, 0), (1.16, off, 0), (2.32, 0, 0)])
    found = harmonic_modes(torch.eye(9, dtype=torch.float64), atoms)
    assert (len(found.rigid), len(found.frequencies)) == (expected, 9 - expected)


@pytest.mark.parametrize(("pbc", "rigid"), [(False, 3), (True, 3)])
def test_one_atom_has_no_modes(pbc, rigid):
    found = harmonic_modes(torch.zeros(3, 3), Atoms("Ar", cell=[5, 5, 5], pbc=pbc))
    assert found.rigid.shape == (rigid,)
    assert found.displacements.shape == (0, 1, 3)
    assert found.zero_point_energy == 0.0


def test_isotopes():
    """With both masses doubled, frequencies fall by √2."""
    light, heavy = Atoms("H2", positions=[(0, 0, 0), (0, 0, 0.7)]), Atoms("H2", positions=[(0, 0, 0), (0, 0, 0.7)])
    heavy.set_masses(2 * light.get_masses())
    model = springs([((0, 1), 0.7, 35.0)])
    ratio = modes_of(model, light).frequencies / modes_of(model, heavy).frequencies
    assert ratio.tolist() == pytest.approx([math.sqrt(2.0)], rel=1e-12)


def test_what_is_no_hessian():
    atoms = water()
    with pytest.raises(DataError, match="9, 9"):
        harmonic_modes(torch.eye(6), atoms)
    with pytest.raises(DataError, match="not finite"):
        harmonic_modes(torch.full((9, 9), math.nan), atoms)
    atoms.set_masses([16.0, 0.0, 1.0])
    with pytest.raises(DataError, match="atom 1"):
        harmonic_modes(torch.eye(9), atoms)
    with pytest.raises(DataError, match="at least one atom"):
        harmonic_modes(torch.zeros(0, 0), Atoms())


def test_asymmetry_is_reported_and_evened_out():
    matrix = torch.eye(9, dtype=torch.float64)
    matrix[0, 4] = 0.25
    found, even = harmonic_modes(matrix, water()), harmonic_modes(0.5 * (matrix + matrix.T), water())
    assert found.asymmetry == 0.25
    assert even.asymmetry == 0.0
    torch.testing.assert_close(found.frequencies, even.frequencies, rtol=1e-12, atol=0.0)
