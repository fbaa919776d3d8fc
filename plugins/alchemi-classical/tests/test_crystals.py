"""Crystals, against what has been published about them."""

import numpy as np
import pytest
from ase.build import bulk

COPPER = {"Cu-Cu": {"D": 0.3429, "a": 1.3588, "r0": 2.866}}
"""L. A. Girifalco and V. G. Weizer, Phys. Rev. 114, 687 (1959), doi:10.1103/PhysRev.114.687: fitted to the energy of
vaporization, the lattice constant and the compressibility of copper."""

MAGNESIA = {"Mg-O": {"A": 821.6, "rho": 0.3242}, "O-O": {"A": 22764.3, "rho": 0.149, "C": 27.88}}
"""G. V. Lewis and C. R. A. Catlow, J. Phys. C 18, 1149 (1985), doi:10.1088/0022-3719/18/6/010; charges are ±2 e."""

SALT = {
    "Na-Na": {"A": 0.2637, "rho": 0.317, "sigma": 2.340, "C": 1.0486, "D": -0.4993},
    "Na-Cl": {"A": 0.2110, "rho": 0.317, "sigma": 2.755, "C": 6.9906, "D": -8.6758},
    "Cl-Cl": {"A": 0.1582, "rho": 0.317, "sigma": 3.170, "C": 72.4022, "D": -145.4285},
}
"""M. P. Tosi and F. G. Fumi, J. Phys. Chem. Solids 25, 45 (1964), doi:10.1016/0022-3697(64)90160-X; charges ±1 e."""

MADELUNG = 1.7475645946
COULOMB = 14.3996454785


def minimum(energies, places):
    """Return place, value and curvature of the minimum of a parabola through three points."""
    curve = np.polyfit(np.array(places) - places[1], energies, 2)
    shift = -curve[1] / (2.0 * curve[0])
    return places[1] + shift, np.polyval(curve, shift), 2.0 * curve[0]


def lattice(edge, reach):
    """Distances from one atom of an fcc crystal to all others within reach."""
    n = np.arange(-12, 13)
    grid = np.stack(np.meshgrid(n, n, n, indexing="ij"), -1).reshape(-1, 3)
    lengths = np.linalg.norm(grid[grid.sum(1) % 2 == 0], axis=1) * edge / 2.0
    return lengths[(lengths > 0) & (lengths < reach)]


def test_copper_is_the_sum_over_its_shells(evaluate):
    fall = np.exp(-1.3588 * (lattice(3.615, 15.0) - 2.866))
    expected = 0.5 * np.sum(0.3429 * (fall**2 - 2.0 * fall))
    options = {"pairs": COPPER, "cutoff": 15.0, "shift": False}
    assert evaluate(bulk("Cu", a=3.615), "morse", **options)["energy"].item() == pytest.approx(expected, rel=1e-12)


def test_copper_has_the_properties_it_was_fitted_to(evaluate):
    """Lattice constant 3.61 Å, energy of vaporization 3.5 eV and bulk modulus 1.4·10¹² dyn/cm² (0.87 eV/Å³)."""
    edges = [3.605, 3.615, 3.625]
    crystals = [bulk("Cu", a=edge) for edge in edges]
    energies = evaluate(crystals, "morse", pairs=COPPER, cutoff=15.0)["energy"].flatten().numpy()
    edge, energy, curvature = minimum(energies, edges)
    assert edge == pytest.approx(3.61, abs=0.01)
    assert energy == pytest.approx(-3.5, abs=0.05)
    assert 4.0 * curvature / (9.0 * edge) == pytest.approx(0.87, rel=0.05)


def ionic(evaluate, formula, edges, charge, name, **options):
    """Return energies per formula unit in rocksalt: short range by the model, −k q² M/R by Madelung's constant."""
    crystals = [bulk(formula, "rocksalt", a=edge) for edge in edges]
    short = evaluate(crystals, name, cutoff=14.0, **options)["energy"].flatten().numpy()
    return short - charge**2 * COULOMB * MADELUNG / (np.array(edges) / 2.0)


def test_magnesia_has_the_lattice_constant_it_was_fitted_to(evaluate):
    """4.212 Å."""
    edges = [4.20, 4.21, 4.22]
    energies = ionic(evaluate, "MgO", edges, 2.0, "buckingham", pairs=MAGNESIA, non_interacting="rest")
    edge, _, _ = minimum(energies, edges)
    assert edge == pytest.approx(4.212, abs=0.003)


def test_salt_has_its_lattice_constant_and_energy(evaluate):
    """5.640 Å, and 182.6 kcal/mol to separate the ions (Kittel, Introduction to Solid State Physics, chapter 3)."""
    edges = [5.60, 5.62, 5.64]
    edge, energy, _ = minimum(ionic(evaluate, "NaCl", edges, 1.0, "born-mayer", pairs=SALT), edges)
    assert edge == pytest.approx(5.640, rel=0.005)
    assert energy == pytest.approx(-182.6 * 0.0433641, rel=0.02)
