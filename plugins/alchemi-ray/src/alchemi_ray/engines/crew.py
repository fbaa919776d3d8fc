"""Crew: workers that take one job each, and may die of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from alchemi_ray.dataset.shard import Shard
    from alchemi_ray.shard_result import ShardResult


@attrs.frozen(eq=False)
class Job:
    """A shard, or a part of one, on its way to a worker.

    Parameters
    ----------
    shard : Shard
        What to do.
    deaths : int
        Workers that died of exactly this.
    """

    shard: Shard
    deaths: int = 0


@attrs.frozen(eq=False)
class Outcome:
    """What became of a job.

    Parameters
    ----------
    job : Job
        Which one.
    result : ShardResult, optional
        None where the worker died.
    """

    job: Job
    result: ShardResult | None


class Crew(Protocol):
    """Workers of one kind.

    Dead workers are replaced. What a worker raises is raised by `collect`.
    """

    @property
    def waits_for(self) -> str:
        """What has to happen before there is a free worker, where there was none yet."""

    @property
    def free(self) -> bool:
        """Whether a job can be given."""

    @property
    def busy(self) -> bool:
        """Whether a job is under way."""

    def give(self, job: Job) -> None:
        """Give a job to a free worker."""

    def collect(self, timeout: float, tick: Callable[[int], None]) -> Iterable[Outcome]:
        """Wait until something has happened, or for so many seconds, and return what came of jobs.

        Parameters
        ----------
        timeout : float
            Seconds.
        tick : callable
            Told how many structures of jobs under way are answered, by crews that know.
        """

    def close(self) -> None:
        """Send all home; what is under way is dropped."""
