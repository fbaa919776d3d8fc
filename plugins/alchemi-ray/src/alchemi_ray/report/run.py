"""What a run says of itself: its record, and the ledger of its shards."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.errors import InputFileError
from alchemi_ray.layout import Layout
from alchemi_ray.ledger import read_ledger

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from alchemi_ray.ledger import Line


@attrs.frozen
class Shard:
    """A line of the ledger, with times in seconds since 1970, and the names of the files with any rows.

    Fields are those of `alchemi_ray.layout`.
    """

    shard: int
    structures: int
    done: int
    failed: int
    not_converged: int
    atoms: int
    seconds: float
    started: float
    finished: float
    worker: str
    host: str
    attempts: int
    errors: Mapping[str, int]
    results: str | None
    failures: str | None

    @classmethod
    def of(cls, line: Line) -> Shard:
        """Take over what a line says."""
        same = {field.name: getattr(line, field.name) for field in attrs.fields(cls)}
        times = {"started": moment(line.started), "finished": moment(line.finished)}
        results = line.results.file if line.done else None
        return cls(**same | times | {"results": results, "failures": line.failures and line.failures.file})


@attrs.frozen(eq=False, slots=False)
class Run:
    """A run as its folder has it.

    Parameters
    ----------
    layout : Layout
        Where its files are.
    record : mapping
        ``run.json``.
    shards : tuple of Shard
        Those that are done, in the order of the dataset.
    """

    layout: Layout
    record: Mapping[str, Any]
    shards: tuple[Shard, ...]

    @classmethod
    def read(cls, folder: Path) -> Run:
        """Read record and ledger.

        Raises
        ------
        InputFileError
            If the folder holds no run, or a damaged one.
        """
        record = _record(Layout(folder).record)
        layout = Layout(folder, record["form"])
        shards = map(Shard.of, read_ledger(layout.ledger))
        return cls(layout, record, tuple(sorted(shards, key=lambda one: one.shard)))

    @property
    def task(self) -> str:
        """What was done with each structure."""
        return str(self.record["task"])

    @property
    def outputs(self) -> tuple[str, ...]:
        """What was asked of the pipeline."""
        return tuple(self.record["outputs"])

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the steps."""
        return tuple(self.record["model"].get("labels", ()))

    @cached_property
    def done(self) -> int:
        """Structures with results."""
        return sum(one.done for one in self.shards)

    @cached_property
    def failed(self) -> int:
        """Structures without."""
        return sum(one.failed for one in self.shards)

    @cached_property
    def atoms(self) -> int:
        """Atoms of the structures with results."""
        return sum(one.atoms for one in self.shards)

    @property
    def wanted(self) -> int:
        """Structures of the dataset."""
        return int(self.record["structures"])

    @cached_property
    def errors(self) -> Counter[str]:
        """How many structures failed with which class of error."""
        return sum((Counter(one.errors) for one in self.shards), Counter[str]())

    @property
    def partial(self) -> bool:
        """Whether there are structures with neither results nor a failure."""
        return self.done + self.failed < self.wanted


def moment(text: str) -> float:
    """Return a time in ISO 8601 as seconds since 1970."""
    return datetime.fromisoformat(text).timestamp()


def _record(path: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputFileError(
            f"it cannot be read: {error}", expected="the record of a run of alchemi map", who=str(path)
        ) from error
    return record
