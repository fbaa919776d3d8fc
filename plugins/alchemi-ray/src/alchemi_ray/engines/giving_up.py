"""Giving up: the row of a structure that no worker survives."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING

from alchemi_ray.dataset.reader import Entry
from alchemi_ray.dataset.record import Record
from alchemi_ray.failing import failure_row
from alchemi_ray.shard_result import ShardResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from alchemi_ray.dataset.shard import Shard
    from alchemi_ray.dataset.source import Source
    from alchemi_ray.engines.dispatch import WorkerDied


def given_up(sources: Sequence[Source]) -> Callable[[Shard, WorkerDied], ShardResult]:
    """Return a function that makes a failure of a part of a shard.

    Nothing is read for it: reading may be what the workers died of, and this process would be next.
    """

    def fail(shard: Shard, error: WorkerDied) -> ShardResult:
        rows = tuple(failure_row(entry, error) for entry in _entries(sources, shard))
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        return ShardResult(
            shard=shard.number,
            first=shard.first,
            structures=shard.structures,
            content=(),
            done=0,
            failures=rows,
            not_converged=0,
            atoms=0,
            seconds=0.0,
            started=now,
            finished=now,
            worker="",
            host=socket.gethostname(),
        )

    return fail


def _entries(sources: Sequence[Source], shard: Shard) -> Iterator[Entry]:
    """Yield what is known of structures without reading them."""
    number = count(shard.first)
    for piece in shard.pieces:
        for index in range(piece.index, piece.index + piece.count):
            yield Entry(next(number), sources[piece.source].source, index, Record(None, None))
