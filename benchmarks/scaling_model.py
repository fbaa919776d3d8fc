"""The cost model of docs/scaling.md in closed form: what a run over many workers takes, and what bounds it.

Workers and the driver form a closed loop: each worker has one shard under way, computes it, waits until the driver has
stored the result, and gets the next one. All times are in seconds, sizes in bytes.
"""

from __future__ import annotations

from math import ceil, expm1, inf

import attrs


@attrs.frozen(kw_only=True)
class Run:
    """One run, as far as its time depends on it.

    Parameters
    ----------
    structures : int
        Of the whole dataset.
    shard : int
        Structures of a shard.
    gpus : int
        How many devices.
    per_gpu : int
        Workers that share a device.
    host : float
        Seconds of a processor core that a worker takes for a structure: reading, batching, packing.
    device : float
        Seconds that the device takes for a structure; workers that share it take turns.
    job, device_job : float
        Seconds that a worker's core and the device take for a shard of any size.
    send : float
        Seconds from a worker to the driver and back, for a shard of any size, while neither computes.
    driver_shard, driver_structure : float
        Seconds of the driver for a shard of any size, and for each structure in it.
    bytes_in, bytes_out : float
        Bytes of a structure that are read, and written with its results.
    storage : float
        Bytes per second that the file system reads and writes, all together.
    start : float
        Seconds until a worker is ready.
    serial : float
        Seconds before the first worker is started and after the last one has ended.
    lifetime : float
        Mean seconds until a worker dies.
    spread : float
        Standard deviation of the time of a shard, as a share of its mean.
    """

    structures: int
    shard: int
    gpus: int = 1
    per_gpu: int = 1
    host: float = 0.0
    device: float = 0.0
    job: float = 0.0
    device_job: float = 0.0
    send: float = 0.0
    driver_shard: float = 0.0
    driver_structure: float = 0.0
    bytes_in: float = 0.0
    bytes_out: float = 0.0
    storage: float = inf
    start: float = 0.0
    serial: float = 0.0
    lifetime: float = inf
    spread: float = 0.0

    @property
    def workers(self) -> int:
        """How many there are."""
        return self.gpus * self.per_gpu

    @property
    def shards(self) -> int:
        """How many there are; the last one may be smaller."""
        return ceil(self.structures / self.shard)

    @property
    def work(self) -> float:
        """Seconds of a worker for a full shard, with the device and the file system to itself."""
        return self.job + self.on_device + self.shard * (self.host + self.bytes_in / self.storage)

    @property
    def on_device(self) -> float:
        """Seconds of the device for a full shard."""
        return self.device_job + self.shard * self.device

    @property
    def service(self) -> float:
        """Seconds of the driver for a full shard."""
        return self.driver_shard + self.shard * (self.driver_structure + self.bytes_out / self.storage)


def tries(run: Run) -> float:
    """Return how many times its work a shard takes in the mean when workers die at random, and are replaced.

    A worker that dies loses the shard it was at, and is replaced after ``start``; tries go on until one comes through.
    """
    share = time_at(run) / run.lifetime
    return expm1(share) / share * (1.0 + run.start / run.lifetime) if share > 0.0 else 1.0


def time_at(run: Run) -> float:
    """Return the seconds that a worker is at a shard; it waits for a device that others use as well."""
    return max(run.work, run.per_gpu * run.on_device)


def bounds(run: Run) -> dict[str, float]:
    """Return structures per second that each part could do if it were the only one that took time."""
    shards = {
        "workers": run.workers / (run.work * tries(run) + run.send + run.service),
        "devices": run.gpus / (run.on_device * tries(run)) if run.on_device else inf,
        "driver": 1.0 / run.service if run.service else inf,
        "storage": run.storage / (run.shard * (run.bytes_in + run.bytes_out)) if run.storage < inf else inf,
    }
    return {name: run.shard * rate for name, rate in shards.items()}


def at_most(run: Run) -> float:
    """Return structures per second that no order of events can exceed in the mean."""
    return min(bounds(run).values())


def at_least(run: Run) -> float:
    """Return structures per second if all times were as irregular as those of radioactive decay.

    Mean value analysis of a closed network (Reiser and Lavenberg, J. ACM 27, 313, 1980): workers that think, and queue
    at the driver, at the file system, and at the devices where they share them. Regular times wait less.
    """
    reading, device = run.shard * run.bytes_in / run.storage, run.on_device
    shared = [(run.service, 1), (reading, 1), (device if run.per_gpu > 1 else 0.0, run.gpus)]
    queues = [(demand, count) for demand, count in shared if demand > 0.0]
    alone = run.work * tries(run) + run.send + run.service - sum(demand for demand, _ in queues)
    lengths, rate = [0.0] * len(queues), 0.0
    for population in range(1, run.workers + 1):
        waits = [demand * (1.0 + length) for (demand, _), length in zip(queues, lengths, strict=True)]
        rate = population / (alone + sum(waits))
        # Each of several devices alike is visited by its share of the workers.
        lengths = [rate * wait / count for wait, (_, count) in zip(waits, queues, strict=True)]
    return run.shard * rate


def gives_out_first(run: Run) -> str:
    """Name the part that bounds the run."""
    found = bounds(run)
    return min(found, key=lambda name: found[name])


def tail(run: Run) -> float:
    """Return the seconds that the last shards add: workers end at times spread over that of one shard.

    When the last shard is given out, a worker has on average half a shard before it, more where shards are unequal,
    and the one that began last a whole one.
    """
    workers = min(run.workers, run.shards)
    whole = time_at(run) * (1.0 + run.spread)
    return max(0.0, whole * workers / (workers + 1) - 0.5 * time_at(run) * (1.0 + run.spread**2))


def makespan(run: Run) -> float:
    """Return the seconds that a run takes from its start to its end."""
    whole = run.work * tries(run) + run.send + run.service
    return run.serial + run.start + max(whole, run.structures / at_most(run) + tail(run))


def lost(run: Run) -> float:
    """Return the share of all work that is lost with workers that die."""
    share = time_at(run) / run.lifetime
    return 1.0 - share / expm1(share) if share > 0.0 else 0.0
