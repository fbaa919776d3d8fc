"""ShardResult: what a worker hands back of a shard, and how parts of one are put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Sequence


@attrs.frozen(eq=False, kw_only=True)
class ShardResult:
    """What came of a shard, or of a part of it.

    Parameters
    ----------
    shard, first, structures : int
        Its number, the number of its first structure in the dataset, and how many it has.
    content : tuple of bytes
        Results, one part after the other: each an Arrow stream, or extended XYZ.
    done : int
        How many structures have results.
    failures : tuple of dict
        Rows of the others.
    not_converged, atoms : int
        Relaxations that did not converge; atoms in structures that have results.
    seconds : float
        Time of the worker.
    started, finished : str
        UTC, ISO 8601.
    worker, host : str
        Who did it, where.
    """

    shard: int
    first: int
    structures: int
    content: tuple[bytes, ...]
    done: int
    failures: tuple[dict[str, Any], ...]
    not_converged: int
    atoms: int
    seconds: float
    started: str
    finished: str
    worker: str
    host: str

    @classmethod
    def joined(cls, parts: Sequence[ShardResult]) -> ShardResult:
        """Put the parts of one shard together, in the order of their structures."""
        if len(parts) == 1:
            return parts[0]
        ordered = sorted(parts, key=lambda part: part.first)
        # A part that was given up has no worker.
        last = max(parts, key=lambda part: (part.worker != "", part.finished))
        return attrs.evolve(
            ordered[0],
            structures=sum(part.structures for part in ordered),
            content=tuple(one for part in ordered for one in part.content),
            done=sum(part.done for part in ordered),
            failures=tuple(row for part in ordered for row in part.failures),
            not_converged=sum(part.not_converged for part in ordered),
            atoms=sum(part.atoms for part in ordered),
            seconds=sum(part.seconds for part in ordered),
            started=min(part.started for part in ordered),
            finished=max(part.finished for part in ordered),
            worker=last.worker,
            host=last.host,
        )
