"""The course of a run: its parts, how fast it was when, and what each worker did."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs
import numpy as np

from alchemi_ray.report.run import moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from alchemi_ray.report.run import Run, Shard

INSTANT = 1e-3
"""Shortest time of a shard, s: the ledger has milliseconds."""


@attrs.frozen
class Part:
    """A time in which the run was at work: from its start, or going on, to where it ended, was stopped or killed.

    Parameters
    ----------
    started, ended : float
        Seconds since 1970. A part that was killed ends with its last shard: nothing says when it was killed.
    engine : str
        What computed.
    workers : int
        How many.
    shards : tuple of Shard
        Finished in it.
    killed : bool
        Whether it has no end of its own.
    """

    started: float
    ended: float
    engine: str
    workers: int
    shards: tuple[Shard, ...]
    killed: bool

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.started

    @property
    def structures(self) -> int:
        """How many were finished in it, failures included."""
        return sum(one.structures for one in self.shards)


def parts_of(run: Run) -> tuple[Part, ...]:
    """Return the parts of a run, each with the shards that were finished in it."""
    starts = [moment(part["started"]) for part in run.record["parts"]]
    of = [[] for _ in starts]  # type: list[list[Shard]]
    for shard in run.shards:
        of[max(0, int(np.searchsorted(starts, shard.finished, side="right")) - 1)].append(shard)
    return tuple(_part(each, shards) for each, shards in zip(run.record["parts"], of, strict=True))


def _part(said: dict[str, object], shards: Sequence[Shard]) -> Part:
    started, ended = moment(str(said["started"])), said.get("ended")
    ends = [one.finished for one in shards]
    last = max([started, *ends] if ended is None else [started, moment(str(ended)), *ends])
    # None was found yet by a part that ended before its workers began.
    workers = int(str(said["workers"] or 0))
    return Part(started, last, str(said["engine"]), workers, tuple(shards), killed=ended is None)


@attrs.frozen
class Clock:
    """Time at work: that of the calendar without what lies between the parts.

    Parameters
    ----------
    parts : tuple of Part
        In their order.
    """

    parts: tuple[Part, ...]

    @property
    def total(self) -> float:
        """Time at work, s."""
        return sum(part.seconds for part in self.parts)

    @property
    def joints(self) -> list[float]:
        """When the run went on, in time at work, once for each part after the first."""
        return [float(end) for end in np.cumsum([part.seconds for part in self.parts])[:-1]]

    def present(self, shards: Sequence[Shard]) -> float:
        """Return the time of the parts in which a worker finished these shards, s."""
        own = {one.shard for one in shards}
        return sum(part.seconds for part in self.parts if not own.isdisjoint(one.shard for one in part.shards))

    def at(self, times: ArrayLike) -> np.ndarray:
        """Return times of the calendar as times at work."""
        edges = np.array([edge for part in self.parts for edge in (part.started, part.ended)])
        lengths = np.array([length for part in self.parts for length in (0.0, part.seconds)])
        return np.asarray(np.interp(np.asarray(times), np.maximum.accumulate(edges), np.cumsum(lengths)))


@attrs.frozen(eq=False)
class Lane:
    """What one worker did.

    Parameters
    ----------
    worker, hosts : str
        Names.
    shards : tuple of Shard
        Finished by it.
    spans : array [n, 2]
        From when to when, in time at work, s.
    """

    worker: str
    hosts: str
    shards: tuple[Shard, ...]
    spans: np.ndarray

    @property
    def seconds(self) -> float:
        """Time it worked."""
        return sum(one.seconds for one in self.shards)

    @property
    def structures(self) -> int:
        """Structures that it finished, failures included."""
        return sum(one.structures for one in self.shards)

    @property
    def atoms(self) -> int:
        """Atoms of the structures with results."""
        return sum(one.atoms for one in self.shards)

    @property
    def again(self) -> np.ndarray:
        """Whether another worker was lost with the shard before, shape [n]."""
        return np.array([one.attempts > 1 for one in self.shards])


def lanes_of(run: Run, clock: Clock) -> list[Lane]:
    """Return the workers of a run in the order of their names."""
    of: dict[str, list[Shard]] = {}
    for shard in run.shards:
        of.setdefault(shard.worker, []).append(shard)
    return [_lane(worker, of[worker], clock) for worker in sorted(of, key=_natural)]


def _lane(worker: str, shards: list[Shard], clock: Clock) -> Lane:
    ordered = sorted(shards, key=lambda one: one.started)
    spans = clock.at([[one.started, one.finished] for one in ordered])
    return Lane(worker, ", ".join(sorted({one.host for one in ordered})), tuple(ordered), spans)


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """Return a key that puts ``ray-2`` before ``ray-10``."""
    pieces = re.findall(r"\d+|\D+", name)
    return [(piece.isdecimal(), int(piece) if piece.isdecimal() else 0, piece) for piece in pieces]


def rates(run: Run, clock: Clock, edges: np.ndarray) -> np.ndarray:
    """Return structures per second between edges, each shard's spread evenly over the time that it took.

    Parameters
    ----------
    run : Run
        Whose shards.
    clock : Clock
        Its time at work.
    edges : array [n + 1], s
        In time at work.

    Returns
    -------
    rates : array [n], 1/s
    """
    spans = clock.at([[one.started, one.finished] for one in run.shards])
    starts = np.minimum(spans[:, 0], spans[:, 1] - INSTANT)
    speeds = np.array([one.structures for one in run.shards]) / (spans[:, 1] - starts)
    times = np.concatenate([starts, spans[:, 1]])
    order = np.argsort(times, kind="stable")
    flow = np.cumsum(np.concatenate([speeds, -speeds])[order])
    finished = np.concatenate([[0.0], np.cumsum(flow[:-1] * np.diff(times[order]))])
    return np.asarray(np.diff(np.interp(edges, times[order], finished)) / np.diff(edges))
