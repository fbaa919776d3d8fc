"""Failures of a run: the first of them, and one of each class of error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alchemi_ray.report.run import Run, Shard

LISTED = 50
"""Failures that the report lists; all are in ``failures.csv``."""


@attrs.frozen
class Failure:
    """One structure without results; fields as in `alchemi_ray.layout`."""

    number: int
    source: str
    index: int
    formula: str | None
    atoms: int | None
    error: str
    message: str


@attrs.frozen
class Failures:
    """What the report tells of failures.

    Parameters
    ----------
    first : list of Failure
        In the order of the dataset.
    examples : dict of str to Failure
        The first of each class of error.
    unread : list of str
        Files that could not be read, with the reason.
    """

    first: list[Failure]
    examples: dict[str, Failure]
    unread: list[str]


def failures_of(run: Run) -> Failures:
    """Read as many files of failures as it takes."""
    found = Failures([], {}, [])
    for shard in run.shards:
        if len(found.first) < LISTED or set(shard.errors) - set(found.examples):
            _add(found, run, shard)
    return found


def _add(found: Failures, run: Run, shard: Shard) -> None:
    if shard.failures is None:
        return
    try:
        for one in _read(run, shard.failures):
            found.examples.setdefault(one.error, one)
            if len(found.first) < LISTED:
                found.first.append(one)
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        found.unread.append(f"{shard.failures}: {type(error).__name__}: {error}")


def _read(run: Run, file: str) -> Iterator[Failure]:
    names = [field.name for field in attrs.fields(Failure)]
    with pq.ParquetFile(run.layout.folder / file) as read:
        for batch in read.iter_batches(columns=names):
            rows: list[dict[str, Any]] = batch.to_pylist()
            yield from (Failure(**row) for row in rows)
