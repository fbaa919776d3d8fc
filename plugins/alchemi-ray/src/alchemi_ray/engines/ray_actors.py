"""RayActors: a crew on a Ray cluster, each worker an actor that holds the pipeline on its device.

Plain actors rather than Ray Data: where a worker dies of a structure, Ray Data gives the same rows to the next worker
without end, or, with a limit, gives up the whole run, or drops the rows without saying which. Here a death is
counted against the job, see `alchemi_ray.engines.dispatch`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import (
    LocalRayletDiedError,
    NodeDiedError,
    ObjectLostError,
    OutOfDiskError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    RayTaskError,
    WorkerCrashedError,
)

from alchemi_core.errors import AlchemiError
from alchemi_ray.engines.crew import Job, Outcome
from alchemi_ray.engines.starting import StartingDeaths
from alchemi_ray.worker import Setup, ShardWorker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from alchemi_ray.dataset.shard import Shard
    from alchemi_ray.shard_result import ShardResult

DEATHS = (
    RayActorError,
    WorkerCrashedError,
    NodeDiedError,
    LocalRayletDiedError,
    ObjectLostError,
    OutOfMemoryError,  # Ray kills a worker before the kernel would
)
"""What a job may be the reason of. A full disk is none of it: no structure is to be a failure for that."""


class RayActors:
    """A crew of actors on the cluster that this process is connected to.

    Parameters
    ----------
    setup : Setup
        Of the run; it goes into the object store once.
    workers : int
        How many.
    gpus : float
        Accelerators that each one takes.
    """

    def __init__(self, setup: Setup, workers: int, gpus: float = 0.0) -> None:
        self._setup = ray.put(setup)
        self._kind: Any = ray.remote(num_cpus=1, num_gpus=gpus, max_restarts=0, max_task_retries=0)(_Actor)
        self._starting, self._gpus = StartingDeaths(), gpus
        self._members = [self._hire(f"ray-{number}") for number in range(workers)]

    @property
    def waits_for(self) -> str:
        """What has to happen before there is a free worker, where there was none yet."""
        untyped: Any = ray
        free: dict[str, float] = untyped.available_resources()
        each, has = "1 CPU", f"{free.get('CPU', 0):g} CPU"
        if self._gpus:
            each, has = f"{each} and {self._gpus:g} GPU", f"{has} and {free.get('GPU', 0):g} GPU"
        return f"each takes {each} of the cluster, where {has} are free now, and loads the pipeline"

    @property
    def free(self) -> bool:
        """Whether a job can be given."""
        return any(member.ready and member.job is None for member in self._members)

    @property
    def busy(self) -> bool:
        """Whether a job is under way."""
        return any(member.job is not None for member in self._members)

    def give(self, job: Job) -> None:
        """Give a job to a free worker."""
        member = next(member for member in self._members if member.ready and member.job is None)
        member.job, member.pending = job, member.actor.work.remote(job.shard)

    def collect(self, timeout: float, tick: Callable[[int], None]) -> Iterator[Outcome]:  # noqa: ARG002 - others know
        """Wait for answers and deaths."""
        pending = {member.pending: member for member in self._members if member.pending is not None}
        ready, _ = ray.wait(list(pending), num_returns=1, timeout=timeout)
        for reference in ready:
            yield from self._hear(pending[reference])

    def close(self) -> None:
        """End all actors."""
        for member in self._members:
            ray.kill(member.actor)

    def _hear(self, member: _Member) -> Iterator[Outcome]:
        try:
            value = ray.get(member.pending)
        except DEATHS:
            yield from self._replace(member)
            return
        except RayTaskError as error:
            raise error.cause if isinstance(error.cause, Exception) else error from error
        except RayError as error:
            raise _failed(error) from error
        job, member.job, member.pending = member.job, None, None
        if job is None:
            member.ready = True
            self._starting.survived()
        else:
            yield Outcome(job, value)

    def _replace(self, member: _Member) -> Iterator[Outcome]:
        if not member.ready:
            self._starting.died()
        ray.kill(member.actor)
        self._members[self._members.index(member)] = self._hire(member.name)
        if member.job is not None:
            yield Outcome(member.job, None)

    def _hire(self, name: str) -> _Member:
        return _Member(name, self._kind.remote(name), self._setup)


def _failed(error: RayError) -> AlchemiError:
    """Return what is said of a cluster that cannot go on, whatever the structures are."""
    reason = " ".join(str(error).split()) or "no reason given"
    where = "the disk of Ray's temporary folder" if isinstance(error, OutOfDiskError) else "the logs of Ray"
    return AlchemiError(
        f"{type(error).__name__}: {reason}",
        expected="a cluster that hands over what workers return",
        who="the Ray cluster",
        fix=f"look at {where}, then alchemi map --resume DIR",
    )


class _Member:
    """One actor, and what it is at."""

    def __init__(self, name: str, actor: Any, setup: Any) -> None:
        self.name, self.actor = name, actor
        self.ready = False
        self.job: Job | None = None
        self.pending: Any = actor.load.remote(setup)


class _Actor:
    """What runs in the worker's process; the pipeline is loaded by a call, whose errors come back as they are."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._worker: ShardWorker | None = None

    def load(self, setup: Setup) -> None:
        self._worker = ShardWorker(self._name, setup)

    def work(self, shard: Shard) -> ShardResult:
        assert self._worker is not None
        return self._worker.work(shard)
