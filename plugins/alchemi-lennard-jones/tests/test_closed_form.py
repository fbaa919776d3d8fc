"""Clusters whose energy anyone can write down."""

import math

import numpy as np
import pytest
from alchemi_lennard_jones.model import LennardJones
from ase import Atoms
from hypothesis import given
from hypothesis import strategies as st

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper

EPSILON, SIGMA = 0.25, 2.0
WELL = 2.0 ** (1.0 / 6.0) * SIGMA
PLAIN = {"epsilon": EPSILON, "sigma": SIGMA, "cutoff": 50.0, "shift": False}
BOTH = pytest.mark.parametrize("derivatives", ["graph", "analytic"])


def dimer(distance):
    direction = np.array([1.0, 2.0, -2.0]) / 3.0
    return Atoms("Ar2", [[0.3, -0.2, 0.9], np.array([0.3, -0.2, 0.9]) + distance * direction])


@BOTH
def test_dimer_in_the_well(evaluate, derivatives):
    out = evaluate(dimer(WELL), derivatives=derivatives, **PLAIN)
    assert out["energy"].shape == (1, 1)
    assert out["energy"].item() == pytest.approx(-EPSILON, rel=1e-14)
    assert out["forces"].abs().max() < 1e-14


@BOTH
def test_dimer_at_sigma_pushes_apart_with_24_epsilon_over_sigma(evaluate, derivatives):
    out = evaluate(dimer(SIGMA), derivatives=derivatives, **PLAIN)
    push = 24.0 * EPSILON / SIGMA
    assert out["energy"].item() == pytest.approx(0.0, abs=1e-14)
    expected = push * np.array([[-1.0, -2.0, 2.0], [1.0, 2.0, -2.0]]) / 3.0
    np.testing.assert_allclose(out["forces"], expected, rtol=1e-13)


@BOTH
def test_triangle_and_tetrahedron_in_the_well(evaluate, derivatives):
    corners = WELL / math.sqrt(8.0) * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    batch = [Atoms("Ar3", corners[:3]), Atoms("Ar4", corners)]
    energies = evaluate(batch, derivatives=derivatives, **PLAIN)["energy"]
    np.testing.assert_allclose(energies[:, 0], [-3 * EPSILON, -6 * EPSILON], rtol=1e-13)


def test_linear_trimer_adds_the_long_pair(evaluate):
    energy = evaluate(Atoms("Ar3", [[0, 0, 0], [0, 0, WELL], [0, 0, 2 * WELL]]), **PLAIN)["energy"].item()
    assert energy == pytest.approx(EPSILON * (-2.0 + 2.0**-12 - 2.0 * 2.0**-6), rel=1e-14)


def test_shift_lowers_a_pair_by_its_energy_at_the_cutoff(evaluate):
    at_cutoff = EPSILON * ((WELL / 4.0) ** 12 - 2.0 * (WELL / 4.0) ** 6)
    energy = evaluate(dimer(WELL), epsilon=EPSILON, sigma=SIGMA, cutoff=4.0)["energy"].item()
    assert energy == pytest.approx(-EPSILON - at_cutoff, rel=1e-13)


def test_switch_half_way_halves_the_energy(evaluate):
    options = {"epsilon": EPSILON, "sigma": SIGMA, "cutoff": WELL + 1.0, "switch_on": WELL - 1.0}
    assert evaluate(dimer(WELL), **options)["energy"].item() == pytest.approx(-EPSILON / 2.0, rel=1e-13)


def test_switch_leaves_short_distances_alone(evaluate):
    options = {"epsilon": EPSILON, "sigma": SIGMA, "cutoff": WELL + 1.0, "switch_on": WELL + 0.5}
    assert evaluate(dimer(WELL), **options)["energy"].item() == pytest.approx(-EPSILON, rel=1e-14)


def test_default_cutoff_is_three_sigma(evaluate):
    inside, outside = (evaluate(dimer(3 * SIGMA + d), epsilon=1.0, sigma=SIGMA, shift=False) for d in (-1e-9, 1e-9))
    assert inside["energy"].item() == pytest.approx(4.0 * (3.0**-12 - 3.0**-6), rel=1e-6)
    assert outside["energy"].item() == 0.0


@given(distance=st.floats(0.7, 2.4), epsilon=st.floats(1e-3, 10.0), sigma=st.floats(0.5, 3.0))
def test_any_dimer(distance, epsilon, sigma):
    model = LennardJones(epsilon=epsilon, sigma=sigma, cutoff=2.5 * sigma, shift=False, derivatives="analytic")
    pipe = PipelineModelWrapper(groups=[PipelineGroup([model])])
    out = pipe(Batch.from_ase(dimer(distance * sigma)), requested={"energy", "forces"})
    assert out["energy"].item() == pytest.approx(4 * epsilon * (distance**-12 - distance**-6), rel=1e-9, abs=1e-11)
    slope = -24 * epsilon / (distance * sigma) * (2 * distance**-12 - distance**-6)
    assert out["forces"][1].norm().item() == pytest.approx(abs(slope), rel=1e-9, abs=1e-11)
