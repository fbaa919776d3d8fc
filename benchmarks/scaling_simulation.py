"""A run over many workers, event by event: shards of unequal size, one driver, shared devices, storage and deaths.

The order of events is that of ``alchemi map``: a worker has one shard under way; the driver stores results one after
the other, and gives a worker the next shard once its result is stored; a shard whose worker died is given once more,
and cut into halves when that one dies too. Times come from scaling.json, see scaling.py. The same seed gives the same
run. Nothing is measured here: the clock is a number.

    python benchmarks/scaling_simulation.py --structures 10000000 --gpus 64 --per-gpu 2
"""

from __future__ import annotations

import argparse
import heapq
from collections import deque
from collections.abc import Callable, Sequence
from math import inf
from pathlib import Path

import attrs
import numpy as np
from scaling_constants import FIGURES, Constants
from scaling_jobs import Job, drawn
from scaling_model import Run, at_least, at_most, bounds, gives_out_first, lost, makespan, tail


@attrs.frozen
class Outcome:
    """What became of a run.

    Parameters
    ----------
    makespan : float
        Seconds from the start to the last result.
    busy, driver : float
        Shares of the time in which workers computed what was kept, and in which the driver was at work.
    lost : float
        Share of the work that was lost with workers that died.
    deaths : int
        How many died.
    tail : float
        Seconds from the last shard given out to the last result.
    structures : float
        How many have results.
    """

    makespan: float
    busy: float
    driver: float
    lost: float
    deaths: int
    tail: float
    structures: float


@attrs.define
class Server:
    """Something that serves one after the other, in the order of asking."""

    until: float = 0.0
    worked: float = 0.0

    def serve(self, now: float, seconds: float) -> float:
        """Return when what is asked now is done."""
        self.until = max(now, self.until) + seconds
        self.worked += seconds
        return self.until


@attrs.define
class Worker:
    """One worker; `life` tells events of the living from those of whom it replaced."""

    device: Server
    life: int = 0
    job: Job | None = None
    began: float = 0.0
    idle: bool = False


class Simulation:
    """One run, from an empty ledger to the last shard.

    Parameters
    ----------
    run : Run
        Its costs.
    jobs : iterable of Job
        Shards in the order in which they are given out.
    seed : int
        Of the deaths.
    """

    def __init__(self, run: Run, jobs: Sequence[Job], seed: int = 0) -> None:
        self._run, self._jobs, self._random = run, deque(jobs), np.random.default_rng(seed)
        self._driver, self._storage = Server(), Server()
        devices = [Server() for _ in range(run.gpus)]
        self._workers = [Worker(devices[number % run.gpus]) for number in range(run.workers)]
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._now = self._useful = self._lost = self._last_given = self._last_stored = self._stored = 0.0
        self._made = self._deaths = 0
        self._open = len(self._jobs)

    def outcome(self) -> Outcome:
        """Go through all events."""
        for worker in self._workers:
            self._hire(worker)
        while self._open:
            self._now, _, happen = heapq.heappop(self._events)
            happen()
        span = max(self._last_stored, 1e-300)
        return Outcome(
            makespan=self._run.serial + span,
            busy=self._useful / (len(self._workers) * span),
            driver=self._driver.worked / span,
            lost=self._lost / max(self._useful + self._lost, 1e-300),
            deaths=self._deaths,
            tail=span - self._last_given,
            structures=self._stored,
        )

    def _push(self, time: float, happen: Callable[[], None]) -> None:
        self._made += 1
        heapq.heappush(self._events, (time, self._made, happen))

    def _at(self, time: float, worker: Worker, happen: Callable[[Worker], None]) -> None:
        """Note something that happens to a worker, unless it dies before."""
        life = worker.life
        self._push(time, lambda: happen(worker) if worker.life == life else None)

    def _hire(self, worker: Worker) -> None:
        worker.life, worker.job, worker.idle = worker.life + 1, None, False
        ready = self._now + self._run.start
        self._at(ready, worker, self._give)
        if self._run.lifetime < inf:
            self._at(ready + self._random.exponential(self._run.lifetime), worker, self._die)

    def _give(self, worker: Worker) -> None:
        worker.job = self._jobs.popleft() if self._jobs else None
        worker.idle = worker.job is None
        if worker.job is not None:
            worker.began = self._last_given = self._now
            read = self._storage.serve(self._now, worker.job.structures * self._run.bytes_in / self._run.storage)
            self._at(read + self._run.job + worker.job.host, worker, self._launch)

    def _launch(self, worker: Worker) -> None:
        assert worker.job is not None
        self._at(worker.device.serve(self._now, self._run.device_job + worker.job.device), worker, self._computed)

    def _computed(self, worker: Worker) -> None:
        job, worker.job = worker.job, None
        assert job is not None
        self._useful += self._now - worker.began
        life = worker.life
        self._push(self._now + self._run.send, lambda: self._arrive(worker, life, job))

    def _arrive(self, worker: Worker, life: int, job: Job) -> None:
        """Store a result; who sent it may have died since."""
        run = self._run
        seconds = run.driver_shard + job.structures * (run.driver_structure + run.bytes_out / run.storage)
        stored = self._driver.serve(self._now, seconds)
        self._push(stored, lambda: self._keep(job))
        if worker.life == life:
            self._at(stored, worker, self._give)

    def _keep(self, job: Job) -> None:
        self._open -= 1
        self._stored += job.structures
        self._last_stored = self._now

    def _die(self, worker: Worker) -> None:
        self._deaths += 1
        if worker.job is not None:
            self._lost += self._now - worker.began
            again = worker.job.again()
            self._open += len(again) - 1
            self._jobs.extendleft(again)
        self._hire(worker)
        for idle in [one for one in self._workers if one.idle][: len(self._jobs)]:
            self._give(idle)


def simulate(constants: Constants, run: Run, seed: int, form: str = "extxyz", *, by_size: bool = False) -> Outcome:
    """Run a dataset like the measured one."""
    sizes = constants.relative_sizes(form)
    return Simulation(run, drawn(run, sizes, seed, by_size=by_size), seed).outcome()


def predicted(constants: Constants, run: Run, seed: int = 0) -> dict[str, float | str]:
    """Return what the closed form says of a run, and what the simulation makes of it."""
    found = simulate(constants, run, seed)
    shares = {"busy": found.busy, "driver": found.driver, "lost": found.lost}
    times = {"predicted": makespan(run), "simulated": found.makespan}
    return {"at most": at_most(run), "first": gives_out_first(run), **times, **shares}


def main() -> None:
    """Print, for each size of shards, what the closed form says and what comes out."""
    arguments = _arguments()
    constants = Constants.read(arguments.figures)
    print("  shard   of workers  devices   driver  storage | at least  at most simulated 1/s | ", end="")
    print("predicted simulated s | busy driver  lost deaths   tail s (predicted)")
    for shard in arguments.shard:
        run = constants.run(
            structures=arguments.structures,
            shard=shard,
            gpus=arguments.gpus,
            per_gpu=arguments.per_gpu,
            per_atom=1e-6 * arguments.microseconds_per_atom,
            per_batch=1e-3 * arguments.milliseconds_per_batch,
            form=arguments.form,
            storage=1e9 * arguments.gigabytes_per_second,
            lifetime=3600.0 * arguments.hours,
        )
        _show(run, simulate(constants, run, arguments.seed, arguments.form, by_size=arguments.by_size))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--structures", type=int, default=10_000_000)
    parser.add_argument("--gpus", type=int, default=64)
    parser.add_argument("--per-gpu", type=int, default=1, help="workers that share a device")
    parser.add_argument("--microseconds-per-atom", type=float, default=30.0, help="of the device, in full batches")
    parser.add_argument("--milliseconds-per-batch", type=float, default=15.0, help="of the device, for any batch")
    parser.add_argument("--shard", type=int, nargs="+", default=[100, 300, 1000, 3000, 10_000])
    parser.add_argument("--form", default="extxyz", help="of the dataset: extxyz, extxyz.gz, db, parquet")
    parser.add_argument("--gigabytes-per-second", type=float, default=inf, help="of the file system, reads and writes")
    parser.add_argument("--hours", type=float, default=inf, help="mean time until a worker dies")
    parser.add_argument("--by-size", action="store_true", help="the dataset is in order of size, small ones first")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--figures", type=Path, default=FIGURES, help="constants, as scaling.py --json keeps them")
    return parser.parse_args()


def _show(run: Run, found: Outcome) -> None:
    limits = bounds(run)
    rate = run.structures / (found.makespan - run.serial - run.start - found.tail)
    print(f"{run.shard:>7}   " + " ".join(f"{limits[name]:>8.0f}" for name in limits), end=" | ")
    print(f"{at_least(run):>8.0f} {at_most(run):>8.0f} {rate:>13.0f} | ", end="")
    print(f"{makespan(run):>9.0f} {found.makespan:>11.0f} | {found.busy:>4.0%} {found.driver:>6.0%}", end=" ")
    print(f"{found.lost:>5.2%} {found.deaths:>6} {found.tail:>8.1f} ({tail(run):.1f}; lost {lost(run):.2%})")


if __name__ == "__main__":
    main()
