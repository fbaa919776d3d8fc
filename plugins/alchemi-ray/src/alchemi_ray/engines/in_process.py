"""InProcess: this process does the work itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_ray.engines.crew import Job, Outcome
from alchemi_ray.worker import ShardWorker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from alchemi_ray.worker import Setup


class InProcess:
    """A crew of one, which does a job when it is asked for its outcome.

    Parameters
    ----------
    setup : Setup
        Of the run.
    """

    def __init__(self, setup: Setup) -> None:
        self._worker = ShardWorker("local-0", setup)
        self._job: Job | None = None

    @property
    def waits_for(self) -> str:
        """Nothing: the pipeline is there."""
        return "nothing"

    @property
    def free(self) -> bool:
        """Whether a job can be given."""
        return self._job is None

    @property
    def busy(self) -> bool:
        """Whether a job is under way."""
        return self._job is not None

    def give(self, job: Job) -> None:
        """Give a job."""
        self._job = job

    def collect(self, timeout: float, tick: Callable[[int], None]) -> Iterator[Outcome]:  # noqa: ARG002 - as the others
        """Do it, however long that takes."""
        job, self._job = self._job, None
        if job is not None:
            yield Outcome(job, self._worker.work(job.shard, tick))

    def close(self) -> None:
        """Forget what was given."""
        self._job = None
        self._worker.close()
