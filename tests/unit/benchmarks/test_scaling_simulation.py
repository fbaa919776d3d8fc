"""The simulation of docs/scaling.md against its closed forms, and these against numbers worked out by hand."""

from __future__ import annotations

from math import exp, inf

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scaling_jobs import Job, drawn, regular
from scaling_model import Run, at_least, at_most, bounds, gives_out_first, lost, makespan, tries
from scaling_simulation import Outcome, Simulation

PLAIN = Run(structures=10_000, shard=100, host=0.01, job=0.5, start=3.0, serial=7.0)
"""100 shards of 1.5 s on one worker."""


def simulated(run: Run, seed: int = 0) -> Outcome:
    return Simulation(run, regular(run), seed).outcome()


def test_one_worker_does_one_shard_after_the_other() -> None:
    run = attrs.evolve(PLAIN, send=0.02, driver_shard=0.1, driver_structure=0.001)
    found = simulated(run)
    # 7 s serial, 3 s to start, and 100 times 1.5 s of work, 0.02 s on the way and 0.2 s of the driver
    assert found.makespan == pytest.approx(7.0 + 3.0 + 100 * 1.72)
    assert found.structures == 10_000
    assert found.driver == pytest.approx(20.0 / 175.0)
    assert at_most(run) == pytest.approx(at_least(run)) == pytest.approx(100 / 1.72)
    assert makespan(run) == pytest.approx(found.makespan)


def test_workers_that_nothing_keeps_up_share_the_shards_evenly() -> None:
    found = simulated(attrs.evolve(PLAIN, gpus=10))
    assert found.makespan == pytest.approx(7.0 + 3.0 + 10 * 1.5)
    assert found.busy == pytest.approx(15.0 / 18.0)
    assert found.lost == found.deaths == 0.0


def test_the_last_round_is_a_whole_one_even_for_one_shard() -> None:
    found = simulated(attrs.evolve(PLAIN, gpus=10, structures=10_001))
    # the shard of one structure begins when the first worker is free, and takes 0.51 s
    assert found.makespan == pytest.approx(7.0 + 3.0 + 15.0 + 0.51)


def test_a_driver_that_is_too_slow_decides() -> None:
    run = attrs.evolve(PLAIN, gpus=64, driver_shard=0.2)
    found = simulated(run)
    assert gives_out_first(run) == "driver"
    # all begin at once, the first arrives after 1.5 s, and from then on the driver is never idle
    assert found.makespan == pytest.approx(7.0 + 3.0 + 1.5 + 100 * 0.2)
    assert at_most(run) == pytest.approx(100 / 0.2)
    assert found.driver > 0.8


def test_storage_that_is_too_slow_decides() -> None:
    run = attrs.evolve(PLAIN, gpus=64, bytes_in=2e6, storage=1e9)
    assert gives_out_first(run) == "storage"
    # 100 reads of 0.2 s, one after the other; the last one is then computed for 1.5 s
    assert simulated(run).makespan == pytest.approx(7.0 + 3.0 + 100 * 0.2 + 1.5)


def test_workers_take_turns_on_a_device() -> None:
    run = Run(structures=4_000, shard=100, gpus=2, per_gpu=2, host=0.01, device=0.006, device_job=0.4)
    found = simulated(run)
    # each device has 20 shards of 1 s; it waits only for the first second of its first worker
    assert found.makespan == pytest.approx(1.0 + 20 * 1.0)
    assert bounds(run)["devices"] == pytest.approx(200.0)
    assert simulated(attrs.evolve(run, per_gpu=1)).makespan == pytest.approx(20 * 2.0)


@settings(max_examples=25, deadline=None)
@given(
    gpus=st.integers(1, 12),
    per_gpu=st.integers(1, 3),
    host=st.floats(1e-4, 1e-2),
    device=st.floats(0.0, 1e-2),
    driver=st.floats(0.0, 0.3),
    storage=st.sampled_from([1e6, 1e8, inf]),
    seed=st.integers(0, 1000),
)
def test_irregular_shards_lie_between_both_bounds(
    gpus: int, per_gpu: int, host: float, device: float, driver: float, storage: float, seed: int
) -> None:
    run = Run(
        structures=40_000, shard=100, gpus=gpus, per_gpu=per_gpu, host=host, device=device, driver_shard=driver,
        bytes_in=3000.0, storage=storage,
    )  # fmt: skip
    sizes = np.random.default_rng(seed).uniform(0.5, 1.5, size=(500, 2))
    found = Simulation(run, drawn(run, sizes / sizes.mean(axis=0), seed)).outcome()
    rate = run.structures / found.makespan
    assert 0.93 * at_least(run) < rate < 1.02 * at_most(run)
    assert found.structures == pytest.approx(run.structures)


def test_deaths_cost_what_the_closed_form_says() -> None:
    run = attrs.evolve(PLAIN, gpus=8, structures=400_000, lifetime=10.0)
    found = simulated(run)
    # Tries that end at random after 10 s in the mean, of 1.5 s of work each and 3 s to start again after a death.
    expected = 4_000 / 8 * (exp(0.15) - 1.0) * 13.0
    assert 4_000 / 8 * 1.5 * tries(run) == pytest.approx(expected)
    assert found.makespan - 10.0 == pytest.approx(expected, rel=0.05)
    assert found.lost == pytest.approx(lost(run), rel=0.15)
    assert found.structures == 400_000


def test_who_dies_on_the_way_to_the_driver_is_replaced_once_and_its_result_kept() -> None:
    # Results are on their way for ten times as long as a shard takes, so that nearly all deaths come then.
    run = Run(structures=40_000, shard=100, gpus=5, job=1.0, send=10.0, driver_shard=0.1, start=1.0, lifetime=15.0)
    found = simulated(run)
    assert found.structures == 40_000
    assert found.deaths > 20
    assert found.busy < 1.0


def test_a_shard_whose_worker_died_twice_is_cut_into_halves() -> None:
    job = Job(100, 1.0, 2.0)
    (again,) = job.again()
    assert again == Job(100, 1.0, 2.0, deaths=1)
    assert again.again() == [Job(50, 0.5, 1.0), Job(50, 0.5, 1.0)]
    assert Job(1, 1.0, 2.0, deaths=1).again() == [Job(1, 1.0, 2.0, deaths=2)]


def test_a_seed_decides_all() -> None:
    run = attrs.evolve(PLAIN, gpus=7, structures=100_000, lifetime=20.0)
    assert simulated(run, 1) == simulated(run, 1)
    assert simulated(run, 1) != simulated(run, 2)


def test_a_dataset_in_order_of_size_ends_with_its_largest_shards() -> None:
    run = Run(structures=64_000, shard=1000, gpus=8, device=1e-3)
    sizes = np.random.default_rng(0).exponential(size=(1000, 2))
    sizes /= sizes.mean(axis=0)
    mixed, ordered = (Simulation(run, drawn(run, sizes, by_size=way)).outcome() for way in (False, True))
    assert ordered.tail > 2.0 * mixed.tail
    assert ordered.structures == mixed.structures == 64_000


def test_no_run_is_faster_than_its_parts() -> None:
    for gpus in (1, 3, 100):
        run = attrs.evolve(PLAIN, gpus=gpus, driver_shard=0.05)
        assert at_least(run) <= at_most(run) <= min(bounds(run).values())
        assert simulated(run).makespan >= run.serial + run.start + run.structures / bounds(run)["driver"]
