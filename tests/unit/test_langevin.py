"""The sampler against the Boltzmann distribution of harmonic wells, which it meets at any stable time step."""

import numpy as np
import pytest
from ase import units

from alchemi_core.cli.ti_langevin import Bath, Langevin

KT = units.kB * 300.0
SPRING = 2.0
MASSES = np.array([1.0, 4.0, 16.0])


class Wells:
    """½ k r² for each atom; dE/dλ is the energy."""

    def forces(self, positions):
        return -SPRING * positions

    def sample(self, positions):
        energy = 0.5 * SPRING * (positions**2).sum((1, 2))
        return self.forces(positions), energy, energy


def moving(*, fix_com=False, free=(0, 1, 2), copies=40, seed=0, timestep=None):
    timestep = 1.2 / np.sqrt(SPRING / MASSES[0]) / units.fs if timestep is None else timestep
    bath = Bath(temperature=300.0, timestep=timestep, friction=0.1, fix_com=fix_com)
    generators = [np.random.default_rng([seed, copy]) for copy in range(copies)]
    start = np.zeros((copies, 3, 3))
    return Langevin(Wells(), MASSES, free, bath, start, generators)


def sampled(going, steps=1500, skip=100):
    found = [going.step(sampled=True) for _ in range(steps)]
    return np.array([one.energy for one in found[skip:]]), found


def test_harmonic_energies_are_exact_at_a_long_time_step():
    energy, _ = sampled(moving())
    # nine degrees of freedom, ½ kT each, at a step of 1.2 over the highest frequency
    means = energy.mean(0)
    assert means.mean() == pytest.approx(4.5 * KT, abs=3.0 * means.std() / np.sqrt(len(means)))
    assert means.std() / np.sqrt(len(means)) < 0.02 * 4.5 * KT


def test_a_held_centre_of_mass_stays_and_takes_three_degrees_of_freedom():
    going = moving(fix_com=True)
    energy, _ = sampled(going)
    assert going.freedom == 6
    centre = (MASSES[:, None] * going.positions).sum(1) / MASSES.sum()
    np.testing.assert_allclose(centre, 0.0, atol=1e-12)
    # ½ k Σ r² on the plane Σ m r = 0: of each direction two of three remain, equally stiff
    means = energy.mean(0)
    assert means.mean() == pytest.approx(3.0 * KT, abs=3.0 * means.std() / np.sqrt(len(means)))
    assert means.std() / np.sqrt(len(means)) < 0.02 * 3.0 * KT


def test_held_atoms_stay():
    going = moving(free=[0, 2])
    energy, _ = sampled(going, steps=400)
    assert going.freedom == 6
    assert not going.positions[:, 1].any()
    assert not going.momenta[:, 1].any()
    assert energy.mean() == pytest.approx(3.0 * KT, rel=0.05)


def test_momenta_have_the_temperature_of_the_bath():
    going = moving(timestep=0.5)
    _, found = sampled(going, steps=600)
    assert np.mean([one.temperature for one in found]) == pytest.approx(300.0, rel=0.03)
    start = moving(copies=2000)
    spread = (start.momenta**2).mean((0, 2)) / (MASSES * KT)
    np.testing.assert_allclose(spread, 1.0, atol=4.0 * np.sqrt(2.0 / 6000))


def test_a_copy_does_not_depend_on_the_others():
    alone, together = moving(copies=1), moving(copies=5)
    for _ in range(20):
        alone.step()
        together.step()
    np.testing.assert_array_equal(alone.positions[0], together.positions[0])


def test_a_state_goes_on_to_the_bit():
    whole, first = moving(copies=2), moving(copies=2)
    for _ in range(7):
        whole.step()
        first.step()
    state = first.state()
    generators = [np.random.default_rng() for _ in range(2)]
    for generator, saved in zip(generators, state["rng"], strict=True):
        generator.bit_generator.state = saved
    bath = first._bath
    second = Langevin(Wells(), MASSES, [0, 1, 2], bath, state["positions"], generators, state["momenta"])
    for _ in range(7):
        whole.step()
        second.step()
    np.testing.assert_array_equal(whole.positions, second.positions)
    np.testing.assert_array_equal(whole.momenta, second.momenta)
