"""Voigt notation, against tensors written out."""

import itertools

import numpy as np
import torch
from alchemi_derivatives.voigt import LABELS, PAIRS, directions, quadratic_term


def test_order_is_that_of_ase():
    from ase.stress import full_3x3_to_voigt_6_stress

    names = np.array([["xx", "xy", "xz"], ["xy", "yy", "yz"], ["xz", "yz", "zz"]])
    number = np.arange(9.0).reshape(3, 3)
    order = full_3x3_to_voigt_6_stress(number + number.T)
    assert tuple(names[pair] for pair in PAIRS) == LABELS
    np.testing.assert_array_equal(order, [(number + number.T)[pair] for pair in PAIRS])


def test_directions_are_strains_as_engineers_count_them():
    from ase.stress import voigt_6_to_full_3x3_strain

    strain = np.array([0.1, -0.2, 0.3, 0.05, 0.07, -0.4])
    summed = torch.einsum("i,imn->mn", torch.tensor(strain), directions(torch.zeros(1, dtype=torch.float64)))
    np.testing.assert_allclose(summed.numpy(), voigt_6_to_full_3x3_strain(strain) - np.eye(3), rtol=0, atol=1e-15)


def test_quadratic_term_is_the_stress_on_half_the_square_of_the_strain():
    rng = np.random.default_rng(3)
    stress = rng.normal(size=(2, 3, 3))
    stress += stress.transpose(0, 2, 1)
    basis = directions(torch.zeros(1, dtype=torch.float64)).numpy()
    found = quadratic_term(torch.tensor(stress)).numpy()
    for system, (i, j) in itertools.product(range(2), itertools.product(range(6), repeat=2)):

        def work(strain, system=system):
            return 0.5 * np.sum(stress[system] * (strain @ strain))

        mixed = work(basis[i] + basis[j]) - work(basis[i]) - work(basis[j])
        np.testing.assert_allclose(found[system, i, j], mixed, rtol=0, atol=1e-14)
