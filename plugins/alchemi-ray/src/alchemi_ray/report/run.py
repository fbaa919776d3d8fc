"""What a run says of itself: its record, and the ledger of its shards."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_ray.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@attrs.frozen
class Shard:
    """A line of the ledger: see `alchemi_ray.layout`; times are seconds since 1970."""

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
    def of(cls, line: Mapping[str, Any]) -> Shard:
        """Read one line."""
        files = {name: line[name] and line[name]["file"] for name in ("results", "failures")}
        times = {name: moment(line[name]) for name in ("started", "finished")}
        names = {field.name for field in attrs.fields(cls)}
        return cls(**{**{name: line[name] for name in names}, **files, **times})


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
        OSError, ValueError
            If the folder holds no run.
        """
        record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        layout = Layout(folder, record["form"])
        shards = (Shard.of(json.loads(line)) for line in _whole_lines(layout.ledger))
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


def _whole_lines(path: Path) -> list[str]:
    """Return the lines of a ledger; what a killed run left of its last one is none."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return [line for line in text[: text.rfind("\n") + 1].splitlines() if line.strip()]
