"""Dispatch: gives shards to a crew and puts results together, so that each structure is answered for exactly once.

A job whose worker dies is given once more, since the death may have had another reason. When it dies of it again the
job is cut into halves, and so on down to the structure that does it; that one becomes a failure. There are never more
jobs under way than workers, so that nothing piles up.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

import attrs

from alchemi_core.errors import AlchemiError
from alchemi_ray.engines.crew import Job
from alchemi_ray.shard_result import ShardResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from alchemi_ray.dataset.shard import Shard
    from alchemi_ray.engines.crew import Crew, Outcome

TRIES = 2
"""Workers that may die of one job before it is cut, or of one structure before it is given up."""

PATIENCE = 0.25
"""Seconds between looks at whether to stop."""

LONG = 60.0
"""Seconds without any worker that is ready, after which it is said what is waited for."""


class WorkerDied(AlchemiError, RuntimeError):  # noqa: N818 - the name stands in tables
    """A worker was killed, or crashed, whenever it came to this structure."""


@attrs.frozen(eq=False)
class Done:
    """A shard that is whole.

    Parameters
    ----------
    result : ShardResult
        All of it.
    attempts : int
        1, and one more for each worker that died of it.
    """

    result: ShardResult
    attempts: int


class Dispatch:
    """One run of shards over a crew.

    Parameters
    ----------
    crew : Crew
        The workers.
    shards : iterable of Shard
        Taken one by one.
    given_up : callable
        Makes the result of a single structure that no worker survives.
    tell : callable
        Told of deaths, in a sentence.
    """

    def __init__(
        self,
        crew: Crew,
        shards: Iterable[Shard],
        given_up: Callable[[Shard, WorkerDied], ShardResult],
        tell: Callable[[str], None],
    ) -> None:
        self._crew, self._shards, self._given_up, self._tell = crew, iter(shards), given_up, tell
        self._ended, self._again = False, deque[Job]()
        self._wanted: dict[int, int] = {}
        self._parts: dict[int, list[ShardResult]] = {}
        self._deaths: dict[int, int] = {}
        self._alone: float | None = time.monotonic()

    def run(self, stop: Callable[[], bool], look: Callable[[int], None]) -> Iterator[Done]:
        """Yield shards as they are done.

        Parameters
        ----------
        stop : callable
            Once it says True, jobs under way are finished and no other is begun.
        look : callable
            Called between, a few times a second, with the number of structures that are answered in jobs under way, as
            far as that is known.
        """
        while True:
            while not stop() and self._crew.free and (job := self._next()) is not None:
                self._crew.give(job)
            look(0)
            if not self._crew.busy and (stop() or self._is_empty()):
                return
            self._tell_of_waiting()
            for outcome in self._crew.collect(PATIENCE, look):
                yield from self._take(outcome)

    def _tell_of_waiting(self) -> None:
        """Say once what is waited for, where no worker gets ready."""
        if self._crew.free or self._crew.busy:
            self._alone = None
        elif self._alone is not None and time.monotonic() - self._alone >= LONG:
            self._alone = None
            self._tell(f"no worker is ready after {LONG:.0f} s, still waiting: {self._crew.waits_for}")

    def _is_empty(self) -> bool:
        return self._ended and not self._again

    def _next(self) -> Job | None:
        if self._again:
            return self._again.popleft()
        shard = next(self._shards, None)
        if shard is None:
            self._ended = True
            return None
        self._wanted[shard.number] = shard.structures
        return Job(shard)

    def _take(self, outcome: Outcome) -> Iterator[Done]:
        if outcome.result is not None:
            _check(outcome.result, outcome.job.shard)
            yield from self._add(outcome.result)
            return
        shard, deaths = outcome.job.shard, outcome.job.deaths + 1
        self._deaths[shard.number] = self._deaths.get(shard.number, 0) + 1
        self._tell(f"a worker died {_at(shard)}")
        if deaths < TRIES:
            self._again.append(Job(shard, deaths))
        elif shard.structures > 1:
            self._again.extend(map(Job, shard.halves()))
        else:
            yield from self._add(self._given_up(shard, _died()))

    def _add(self, part: ShardResult) -> Iterator[Done]:
        number = part.shard
        parts = self._parts.setdefault(number, [])
        parts.append(part)
        found, wanted = sum(one.structures for one in parts), self._wanted.get(number, 0)
        if found > wanted:
            raise _not_as_asked(number, found, wanted, part.worker)
        if found == wanted:
            del self._parts[number], self._wanted[number]
            yield Done(ShardResult.joined(parts), 1 + self._deaths.pop(number, 0))


def _check(result: ShardResult, shard: Shard) -> None:
    """Refuse an answer to something else; the shard would never be whole."""
    if (result.shard, result.first, result.structures) != (shard.number, shard.first, shard.structures):
        raise _not_as_asked(shard.number, result.structures, shard.structures, result.worker)


def _not_as_asked(number: int, found: int, wanted: int, worker: str) -> AlchemiError:
    return AlchemiError(
        f"{found} structures came back of shard {number}, or a part of it, of {wanted} that were asked for",
        expected="one answer for each structure",
        who=f"worker {worker}",
        fix="this is a defect of alchemi-ray; --resume goes on with what is whole",
    )


def _at(shard: Shard) -> str:
    last = shard.first + shard.structures - 1
    return f"at structure {last}" if last == shard.first else f"at structures {shard.first} to {last}"


def _died() -> WorkerDied:
    return WorkerDied(
        f"{TRIES} workers died of it, one after the other",
        expected="a structure that the models survive",
        who="the worker",
        fix="look at the memory that it takes, or compute it by itself",
    )
