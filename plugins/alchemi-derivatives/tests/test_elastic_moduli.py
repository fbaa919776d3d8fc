"""Moduli, against closed forms of cubic crystals, published averages and integrals over directions."""

import numpy as np
import pytest
from alchemi_derivatives.elastic_moduli import ElasticModuli

COPPER = (168.4, 121.4, 75.4)
"""C11, C12, C44 in GPa: W. C. Overton and J. Gaffney, Phys. Rev. 98, 969 (1955), doi:10.1103/PhysRev.98.969."""

QUARTZ_LIKE = np.array(
    [
        [86.6, 6.7, 12.6, -17.8, 0.0, 0.0],
        [6.7, 86.6, 12.6, 17.8, 0.0, 0.0],
        [12.6, 12.6, 106.1, 0.0, 0.0, 0.0],
        [-17.8, 17.8, 0.0, 57.8, 0.0, 0.0],
        [0.0, 0.0, 0.0, 0.0, 57.8, -17.8],
        [0.0, 0.0, 0.0, 0.0, -17.8, 39.95],
    ]
)
"""A trigonal crystal, so that constants mix normal strains and shears."""


def cubic(c11, c12, c44):
    matrix = np.diag([c11 - c12] * 3 + [c44] * 3).astype(float)
    matrix[:3, :3] += c12
    return matrix


def full(voigt):
    """C_ijkl."""
    index = np.array([[0, 5, 4], [5, 1, 3], [4, 3, 2]])
    return voigt[index[:, :, None, None], index[None, None]]


def on_a_sphere(count=40):
    """Directions, and weights that add up to one."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    angles = 2.0 * np.pi * (np.arange(2 * count) + 0.5) / (2 * count)
    sine = np.sqrt(1.0 - nodes**2)
    points = [sine[:, None] * np.cos(angles), sine[:, None] * np.sin(angles), nodes[:, None] + 0.0 * angles]
    return np.stack(points, axis=-1), np.repeat(weights[:, None] / (4.0 * count), 2 * count, axis=1)


def test_cubic_crystals_have_the_closed_forms_of_hill():
    """K = (C11 + 2 C12)/3, G_V = (C11 − C12 + 3 C44)/5, G_R = 5 (C11 − C12) C44 / (4 C44 + 3 (C11 − C12))."""
    c11, c12, c44 = COPPER
    moduli = ElasticModuli.of(cubic(*COPPER))
    assert moduli.voigt.bulk == pytest.approx((c11 + 2 * c12) / 3, rel=1e-12)
    assert moduli.reuss.bulk == pytest.approx((c11 + 2 * c12) / 3, rel=1e-12)
    assert moduli.voigt.shear == pytest.approx((c11 - c12 + 3 * c44) / 5, rel=1e-12)
    assert moduli.reuss.shear == pytest.approx(5 * (c11 - c12) * c44 / (4 * c44 + 3 * (c11 - c12)), rel=1e-12)
    assert moduli.hill.shear == pytest.approx(0.5 * (moduli.voigt.shear + moduli.reuss.shear), rel=1e-12)


def test_anisotropy_of_cubic_crystals_follows_from_that_of_zener():
    """A^U = (6/5) (√A − 1/√A)² (Ranganathan and Ostoja-Starzewski, equation 13), A = 2 C44 / (C11 − C12)."""
    c11, c12, c44 = COPPER
    zener = 2 * c44 / (c11 - c12)
    expected = 1.2 * (np.sqrt(zener) - 1.0 / np.sqrt(zener)) ** 2
    assert ElasticModuli.of(cubic(*COPPER)).anisotropy == pytest.approx(expected, rel=1e-12)


def test_an_isotropic_crystal_is_itself():
    bulk, shear = 100.0, 40.0
    moduli = ElasticModuli.of(cubic(bulk + 4 * shear / 3, bulk - 2 * shear / 3, shear))
    for one in (moduli.voigt, moduli.reuss, moduli.hill):
        assert one.bulk == pytest.approx(bulk, rel=1e-12)
        assert one.shear == pytest.approx(shear, rel=1e-12)
        assert one.poisson == pytest.approx(0.5 * one.young / one.shear - 1.0, rel=1e-12)
    assert moduli.anisotropy == pytest.approx(0.0, abs=1e-12)
    directions, _ = on_a_sphere(4)
    np.testing.assert_allclose(moduli.young_along(directions), moduli.hill.young, rtol=1e-12)


def test_voigt_averages_are_integrals_over_directions():
    """3 K = ⟨δ:C:δ⟩/3 and ⟨C_nnnn⟩ = K + 4 G / 3, of grains under equal strain."""
    moduli = ElasticModuli.of(QUARTZ_LIKE)
    directions, weights = on_a_sphere()
    along = np.einsum("ijkl,abi,abj,abk,abl->ab", full(QUARTZ_LIKE), *[directions] * 4)
    mean = np.sum(weights * along)
    assert moduli.voigt.bulk == pytest.approx(np.einsum("iijj", full(QUARTZ_LIKE)) / 9, rel=1e-12)
    assert moduli.voigt.bulk + 4 * moduli.voigt.shear / 3 == pytest.approx(mean, rel=1e-12)


def test_reuss_averages_are_integrals_over_directions():
    """⟨1/E(n)⟩ = 1/E of the average under equal stress, which tests the modulus by direction too."""
    moduli = ElasticModuli.of(QUARTZ_LIKE)
    directions, weights = on_a_sphere()
    assert 1.0 / moduli.reuss.young == pytest.approx(np.sum(weights / moduli.young_along(directions)), rel=1e-12)


def test_young_modulus_is_pull_over_stretch_along_it():
    """The strain under a pull along n, solved for in a basis of orthonormal tensors, of a crystal without symmetry."""
    rng = np.random.default_rng(5)
    root = rng.normal(size=(6, 6))
    moduli = ElasticModuli.of(root @ root.T + np.diag(rng.uniform(1.0, 20.0, 6)))
    for along in rng.normal(size=(5, 3)):
        along /= np.linalg.norm(along)
        pull = np.outer(along, along)
        strain = np.linalg.lstsq(full(moduli.constants).reshape(9, 9), pull.ravel(), rcond=1e-10)[0].reshape(3, 3)
        assert moduli.young_along(along) == pytest.approx(1.0 / (along @ strain @ along), rel=1e-9)


def test_young_modulus_of_copper_by_direction():
    """1/E = S11 − 2 (S11 − S12 − S44/2) (l²m² + m²n² + l²n²) (J. F. Nye, Physical Properties of Crystals, 1957)."""
    c11, c12, c44 = COPPER
    s11 = (c11 + c12) / ((c11 - c12) * (c11 + 2 * c12))
    s12 = -c12 / ((c11 - c12) * (c11 + 2 * c12))
    for along, share in (((1, 0, 0), 0.0), ((1, 1, 0), 0.25), ((1, 1, 1), 1.0 / 3.0)):
        expected = 1.0 / (s11 - 2.0 * (s11 - s12 - 0.5 / c44) * share)
        found = ElasticModuli.of(cubic(*COPPER)).young_along(np.array(along) / np.linalg.norm(along))
        assert found == pytest.approx(expected, rel=1e-12)


def test_a_crystal_without_stiffness_has_bounds_from_above_only():
    soft = ElasticModuli.of(cubic(100.0, 110.0, 40.0))
    assert not soft.stable
    assert soft.eigenvalues[0] == pytest.approx(-10.0)
    assert np.isfinite(soft.voigt.bulk)
    assert np.isnan([soft.reuss.bulk, soft.hill.shear, soft.anisotropy, soft.young_along((1.0, 0.0, 0.0))]).all()
    assert not ElasticModuli.of(cubic(100.0, 60.0, 0.0)).stable
    assert ElasticModuli.of(cubic(100.0, 60.0, 40.0)).stable
