"""Start-up of workers, and what it takes to bring a shard's result from a worker to the driver."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import attrs
from alchemi_ray.dataset.shard import Shard
from alchemi_ray.engines.making import Engine, crew_of
from alchemi_ray.shard_result import ShardResult
from alchemi_ray.worker import Setup
from scaling_batches import pipeline
from scaling_driver import result_of
from scaling_files import SETTINGS
from structures_10k import structures

STARTING = """
import sys, time
began = time.process_time()
from pathlib import Path
from alchemi_ray.worker import Setup, ShardWorker
from alchemi_ray.tasks.settings import Settings
imported = time.process_time()
setup = Setup("0", Path(sys.argv[1]).read_bytes(), (), Settings(task="singlepoint", outputs=("energy", "forces")))
ShardWorker("one", setup)
print(imported - began, time.process_time() - imported)
"""


def starting(name: str, repeats: int = 3) -> dict[str, float]:
    """Return seconds of the processor that a worker takes to import what it needs, and to load the pipeline."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pipe.alchemi"
        pipeline(name).save(path)
        command = [sys.executable, "-c", STARTING, str(path)]
        lines = [
            subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()  # noqa: S603 - above
            for _ in range(repeats)
        ]
        size = path.stat().st_size
    imports, loads = (min(float(words[column]) for words in lines) for column in (0, 1))
    return {"import": imports, "load": loads, "pipeline bytes": size}


def ready(name: str, engine: str, workers: int) -> float:
    """Return seconds by the clock until all workers of an engine are ready for a shard."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pipe.alchemi"
        pipeline(name).save(path)
        setup = Setup("0", path.read_bytes(), (), SETTINGS)
        began = time.perf_counter()
        with crew_of(Engine(engine, workers), setup) as (crew, _):
            while sum(member.ready for member in crew._members) < workers:  # type: ignore[attr-defined]
                list(crew.collect(0.05, lambda _: None))
            return time.perf_counter() - began


class _Echo:
    """An actor that hands back a result as it was given once."""

    def keep(self, result: ShardResult) -> None:
        self._result = result

    def work(self, shard: Shard) -> ShardResult:
        return attrs.evolve(self._result, shard=shard.number)


def transport(repeats: int = 30) -> dict[str, Any]:
    """Return seconds from the call of an actor to its result in the driver, by structures of a shard."""
    import ray  # reads variables that the engine sets before

    ray.init("local", num_cpus=1, include_dashboard=False, log_to_driver=False)
    try:
        actor = ray.remote(_Echo).remote()
        return {str(size): _round_trip(actor, size, repeats) for size in (1, 100, 1000, 3000)}
    finally:
        ray.shutdown()


def _round_trip(actor: Any, size: int, repeats: int) -> dict[str, float]:
    import ray

    result = result_of(list(structures(size)))
    ray.get(actor.keep.remote(result))
    walls, shares = [], []
    for number in range(repeats):
        began, used = time.perf_counter(), time.process_time()
        ray.get(actor.work.remote(Shard(number, 0, ())))
        walls.append(time.perf_counter() - began)
        shares.append(time.process_time() - used)
    size_bytes = sum(map(len, result.content))
    return {"bytes": size_bytes, "seconds": statistics.median(walls), "driver": statistics.median(shares)}
