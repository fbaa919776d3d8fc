"""Block averages against series whose error is known in closed form."""

import numpy as np
import pytest

from alchemi_core.cli.ti_blocking import FEWEST, block_average, block_levels, half_difference

SERIES = 200


def autoregressive(phi, count, seed):
    """x' = φ x + √(1 − φ²) ξ: unit variance, correlation φ^t, so that Var(mean) → (1 + φ)/(1 − φ)/n."""
    rng = np.random.default_rng(seed)
    noise = np.sqrt(1.0 - phi**2) * rng.standard_normal(count)
    values = np.empty(count)
    values[0] = rng.standard_normal()
    for i in range(1, count):
        values[i] = phi * values[i - 1] + noise[i]
    return values


def exact_error(phi, count):
    """Standard error of the mean of such a series, for any length."""
    lags = np.arange(1, count)
    return np.sqrt((1.0 + 2.0 * np.sum((1.0 - lags / count) * phi**lags)) / count)


@pytest.mark.parametrize(("phi", "count"), [(0.0, 1024), (0.5, 1500), (0.9, 4096), (-0.5, 1024)])
def test_the_error_of_a_correlated_series_is_that_of_its_closed_form(phi, count):
    found = [block_average(autoregressive(phi, count, seed)) for seed in range(SERIES)]
    ratios = np.array([one.error for one in found]) / exact_error(phi, count)
    # the short side of the plateau is chosen, so that a few per cent are missing
    assert 0.9 < ratios.mean() < 1.05
    assert ratios.std() < 0.25
    assert np.mean([one.plateau for one in found]) > 0.9
    # mean / error is a number of unit width: what the error bars are for
    pulls = np.array([one.mean / one.error for one in found])
    assert abs(pulls.mean()) < 4.0 / np.sqrt(SERIES)
    assert 0.85 < pulls.std() < 1.2


@pytest.mark.parametrize("phi", [0.5, 0.9])
def test_the_inefficiency_is_one_plus_twice_the_correlation_time(phi):
    found = [block_average(autoregressive(phi, 8192, seed)) for seed in range(40)]
    expected = (1.0 + phi) / (1.0 - phi)
    assert np.mean([one.inefficiency for one in found]) == pytest.approx(expected, rel=0.12)
    assert np.mean([one.effective for one in found]) == pytest.approx(8192 / expected, rel=0.12)


def test_a_series_shorter_than_its_correlation_has_no_plateau():
    found = [block_average(autoregressive(0.995, 1000, seed)) for seed in range(20)]
    assert not any(one.plateau for one in found)
    # what is reported is the largest, several times the naive one
    assert all(one.error == max(level.error for level in one.levels if level.blocks >= 4) for one in found)
    assert min(one.error / one.levels[0].error for one in found) > 3.0


def test_levels_are_those_of_flyvbjerg_and_petersen():
    values = np.array([1.0, 3.0, 2.0, 6.0, 9.0])
    first, second = block_levels(values)
    assert (first.length, first.blocks) == (1, 5)
    assert first.error == pytest.approx(np.sqrt(values.var() / 4))
    assert first.uncertainty == pytest.approx(first.error / np.sqrt(8))
    # blocks of two: means 2 and 4, the odd one at the end left out
    assert (second.length, second.blocks, second.error) == (2, 2, pytest.approx(1.0))


def test_a_plateau_has_enough_blocks():
    found = block_average(np.random.default_rng(0).standard_normal(FEWEST - 1))
    assert not found.plateau
    assert block_average(np.random.default_rng(0).standard_normal(1000)).level.blocks >= FEWEST


def test_a_constant_has_no_error():
    found = block_average(np.full(100, 0.1))
    assert (found.mean, found.error, found.plateau) == (pytest.approx(0.1), 0.0, True)
    assert found.effective == 100.0


def test_halves_tell_a_drift_from_noise():
    noise = np.random.default_rng(1).standard_normal(2000)
    error = block_average(noise).error
    difference, its_error = half_difference(noise, error)
    assert its_error == 2.0 * error
    assert abs(difference) < 3.0 * its_error
    moved, _ = half_difference(noise + np.linspace(0.0, 2.0, 2000), error)
    assert moved == pytest.approx(difference + 1.0, abs=2e-3)
    assert moved > 3.0 * its_error
