"""What the driver takes for a shard, and how many workers it can serve: its own code, with workers that wait.

The crew here has workers that compute nothing: each hands back a result that was made before, after a time that is
set. Dispatcher, store, ledger and disk are those of ``alchemi map``. So the driver meets as many workers as a cluster
has, on one core.
"""

from __future__ import annotations

import heapq
import os
import pickle
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
from alchemi_ray.dataset.shard import Piece, Shard
from alchemi_ray.engines.crew import Job, Outcome
from alchemi_ray.engines.dispatch import Dispatch, Done
from alchemi_ray.layout import Layout
from alchemi_ray.ledger import Ledger
from alchemi_ray.shard_result import ShardResult
from alchemi_ray.storing import Store
from alchemi_ray.tables import content_of
from ase import Atoms
from scaling_batches import processor
from scaling_files import SETTINGS, answered
from scaling_fit import fit
from structures_10k import structures

SIZES = (10, 30, 100, 300, 1000, 3000)
"""Structures of a shard."""


def result_of(chosen: Sequence[Atoms], shard: int = 0) -> ShardResult:
    """Return what a worker would hand back of structures."""
    content = content_of(answered(chosen), SETTINGS, "0" * 64)
    said = {"seconds": 1.0, "started": "2026-01-01T00:00:00.000+00:00", "finished": "2026-01-01T00:00:01.000+00:00"}
    return ShardResult(
        shard=shard,
        first=shard * len(chosen),
        structures=len(chosen),
        content=(content,),
        done=len(chosen),
        failures=(),
        not_converged=0,
        atoms=sum(map(len, chosen)),
        worker="ray-0",
        host="node",
        **said,
    )


def storing(folder: Path, repeats: int = 9) -> dict[str, Any]:
    """Return the time of the driver for a shard: to unpack, write, check and enter it into the ledger."""
    pool = list(structures(max(SIZES)))
    clocks: dict[str, list[dict[str, float]]] = {"processor": [], "wall": []}
    written = {}
    with _store(folder / "storing") as (store, layout):
        for number, size in enumerate(SIZES * repeats):
            packed = pickle.dumps(attrs.evolve(result_of(pool[:size]), shard=number))
            began = time.perf_counter(), time.process_time()
            line = store.add(Done(pickle.loads(packed), 1))  # noqa: S301 - packed above
            wall, processor_time = time.perf_counter() - began[0], time.process_time() - began[1]
            clocks["wall"].append({"shard": 1.0, "structure": size, "seconds": wall})
            clocks["processor"].append({"shard": 1.0, "structure": size, "seconds": processor_time})
            written[size] = line.results.bytes / size
            layout.results(number).unlink()
    found = {name: fit(_medians(samples)).described() for name, samples in clocks.items()}
    return {**found, "bytes of a structure": written[1000], "medians": _by_size(clocks["wall"])}


def _medians(samples: Sequence[dict[str, float]]) -> list[dict[str, float]]:
    """Return a few medians of each size: one slow write says little of the others."""
    parts = []
    for size in SIZES:
        of_size = [one for one in samples if one["structure"] == size]
        for third in range(3):
            some = statistics.median(one["seconds"] for one in of_size[third::3])
            parts.append({"shard": 1.0, "structure": size, "seconds": some})
    return parts


def _by_size(samples: Sequence[dict[str, float]]) -> dict[str, float]:
    return {
        str(size): statistics.median(one["seconds"] for one in samples if one["structure"] == size) for size in SIZES
    }


class _store:  # noqa: N801 - used as a function
    """A store in a new folder, with its ledger."""

    def __init__(self, folder: Path) -> None:
        self.layout = Layout(folder)
        for one in (self.layout.results_folder, self.layout.failures_folder):
            one.mkdir(parents=True)
        self.ledger = Ledger(self.layout.ledger)

    def __enter__(self) -> tuple[Store, Layout]:
        return Store(self.layout, self.ledger.__enter__(), SETTINGS, {"model": "none", "run": "0" * 64}), self.layout

    def __exit__(self, *error: object) -> None:
        self.ledger.__exit__(*error)


class Clock:
    """Time that goes on while the driver computes, and is passed over while it would wait.

    So it says what the driver takes, also on a machine that has other things to do; waiting for the disk is left out.
    """

    def __init__(self) -> None:
        self._passed = 0.0

    def now(self) -> float:
        """Return seconds."""
        return time.process_time() + self._passed

    def wait(self, seconds: float) -> None:
        """Pass over some seconds."""
        self._passed += max(0.0, seconds)


class Waiting:
    """A crew whose workers wait instead of computing.

    Parameters
    ----------
    clock : Clock
        By which they wait.
    workers : int
        How many.
    seconds : float
        That each takes for a shard.
    packed : bytes
        A result, as it comes over from another process.
    """

    def __init__(self, clock: Clock, workers: int, seconds: float, packed: bytes) -> None:
        self._clock = clock
        self._free, self._seconds, self._packed = workers, seconds, packed
        self._under_way: list[tuple[float, int, Job]] = []

    @property
    def free(self) -> bool:
        """Whether a job can be given."""
        return self._free > 0

    @property
    def busy(self) -> bool:
        """Whether a job is under way."""
        return bool(self._under_way)

    def give(self, job: Job) -> None:
        """Give a job to a free worker."""
        self._free -= 1
        heapq.heappush(self._under_way, (self._clock.now() + self._seconds, job.shard.number, job))

    def collect(self, timeout: float, tick: Callable[[int], None]) -> Iterator[Outcome]:  # noqa: ARG002 - of a crew
        """Wait until the next job is done, and return its result, as `RayActors` does: one at a time."""
        wait = self._under_way[0][0] - self._clock.now()
        self._clock.wait(min(wait, timeout))
        if wait <= timeout:
            _, number, job = heapq.heappop(self._under_way)
            result = attrs.evolve(pickle.loads(self._packed), shard=number, first=job.shard.first)  # noqa: S301 - packed by us
            self._free += 1
            yield Outcome(job, result)

    def close(self) -> None:
        """Nobody is there."""


def serving(folder: Path, workers: int, seconds: float, size: int, rounds: int) -> dict[str, float]:
    """Return structures per second of the driver with so many workers, and what a shard takes of it."""
    packed, clock, ends = pickle.dumps(result_of(list(structures(size)))), Clock(), list[float]()
    shards = workers * (rounds + 1) + 1
    given = (Shard(number, number * size, (Piece(0, number * size, size, 0, 0),)) for number in range(shards))
    crew = Waiting(clock, workers, seconds, packed)
    with _store(folder / f"serving-{workers}") as (store, layout):
        dispatch = Dispatch(crew, given, lambda _shard, error: _refuse(error), print)
        used = time.process_time()
        for done in dispatch.run(lambda: False, lambda _: None):
            line = store.add(done)
            layout.results(line.shard).unlink()
            ends.append(clock.now())
        busy = time.process_time() - used
    # Whole rounds: all begin at once, and each worker then comes once in a round.
    last = workers + (len(ends) - 1 - workers) // workers * workers
    rate = (last - workers) * size / (ends[last] - ends[workers])
    return {"workers": workers, "work": seconds, "shard": size, "rate": rate, "driver": busy / shards}


def _refuse(error: BaseException) -> ShardResult:
    raise error


def sending() -> float:
    """Return seconds of the processor to pack a result of 1000 structures for another process, as a worker does."""
    result = result_of(list(structures(1000)))
    return processor(lambda: pickle.dumps(result))


def sync(folder: Path, repeats: int = 40) -> float:
    """Return seconds by the clock to bring a file of two megabytes to the disk."""
    walls = []
    with (folder / "sync").open("wb") as file:
        for _ in range(repeats):
            file.write(bytes(2_000_000))
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            walls.append(time.perf_counter() - began)
    return statistics.median(walls)
