"""Folders of runs with numbers that the tests know, kept by what `alchemi map` keeps them with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import pytest
from alchemi_ray.dataset.reader import Entry
from alchemi_ray.dataset.record import Record
from alchemi_ray.engines.dispatch import Done
from alchemi_ray.failing import failure_row
from alchemi_ray.layout import Layout
from alchemi_ray.ledger import Ledger
from alchemi_ray.report import write_report
from alchemi_ray.shard_result import ShardResult
from alchemi_ray.storing import Store
from alchemi_ray.tables import content_of
from alchemi_ray.tasks.answer import Answer
from alchemi_ray.tasks.settings import Settings
from ase import Atoms

from alchemi_core.atomic_write import write_json
from alchemi_core.errors import GeometryError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LABELS = ("lennard-jones", "dftd3")
VERSIONS = {
    "python": "3.11.7",
    "alchemi-core": "0.1.0",
    "plugins": {"alchemi-dftd3": {"version": "0.1.0", "builds_on": {"dftd3": "1.7.0"}}},
}


def stamp(seconds: float) -> str:
    """Return a time after the start as the ledger has it."""
    return (START + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


@attrs.frozen
class Case:
    """One structure: with results in `columns`, or with an error."""

    atoms: Atoms
    columns: dict[str, Any] = attrs.field(factory=dict)
    error: Exception | None = None
    source: str = "set.extxyz"


def _answered(draws: np.random.Generator) -> Case:
    """Make one structure with results: 2 to 12 atoms, forces over decades, stress in two of three."""
    atoms = Atoms(numbers=draws.choice([1, 6, 8], size=draws.integers(2, 13)))
    atoms.positions = draws.normal(size=atoms.positions.shape)
    terms = {"lennard-jones": draws.normal(-3.0, 0.4) * len(atoms), "dftd3": draws.normal(-0.2, 0.05) * len(atoms)}
    stress = None if draws.random() < 1.0 / 3.0 else draws.normal(0.0, 0.05, size=6)
    columns = {
        "energy": float(sum(terms.values())),
        "forces": draws.normal(size=(len(atoms), 3)) * 10.0 ** draws.uniform(-3, 2),
        "stress": stress,
        "energy_terms": {label: float(energy) for label, energy in terms.items()},
    }
    return Case(atoms, {name: value for name, value in columns.items() if value is not None})


def _failing(message: str = "two atoms at one place", kind: type[Exception] = GeometryError, **more: Any) -> Case:
    """Make one structure without results."""
    return Case(Atoms("H2", [[0, 0, 0], [0, 0, 0]]), error=kind(message), **more)


@attrs.define
class RunFolder:
    """Writes the folder of a run; every shard takes `pace` seconds, each worker does one after the other."""

    folder: Path
    settings: Settings = attrs.field(factory=lambda: Settings("singlepoint", ("energy", "forces", "stress")))
    shard_size: int = 100
    workers: Sequence[str] = ("local-0", "local-1")
    pace: float = 2.0
    structures: int | None = None
    """Of the dataset, where not all are done."""
    attempts: dict[int, int] = attrs.field(factory=dict)
    """Of shards for which it is not 1."""
    stops: Sequence[int] = ()
    """Shards before which the run stood still for an hour."""
    ended: bool = True
    """Whether the parts say when they ended: a killed one does not."""
    more: dict[str, Any] = attrs.field(factory=dict)
    """Entries of the record that are to be others."""

    def write(self, cases: Sequence[Case]) -> Path:
        """Write all cases, cut into shards."""
        layout = Layout(self.folder, self.settings.form)
        for path in (layout.results_folder, layout.failures_folder):
            path.mkdir(parents=True)
        shards = [cases[first : first + self.shard_size] for first in range(0, len(cases), self.shard_size)]
        with Ledger(layout.ledger) as ledger:
            store = Store(layout, ledger, self.settings, {"run": "0"})
            for number, shard in enumerate(shards):
                store.add(Done(self._result(number, shard), self.attempts.get(number, 1)))
        write_json(layout.record, {**self._record(len(shards), self.structures or len(cases)), **self.more})
        return self.folder

    def _result(self, shard: int, cases: Sequence[Case]) -> ShardResult:
        first = shard * self.shard_size
        entries = [Entry(n, case.source, n, Record(case.atoms, f"{n:032x}")) for n, case in enumerate(cases, first)]
        both = list(zip(entries, cases, strict=True))
        found = [(entry, Answer(case.atoms, case.columns)) for entry, case in both if case.error is None]
        begun, ended = self._times(shard)
        return ShardResult(
            shard=shard,
            first=first,
            structures=len(cases),
            content=(content_of(found, self.settings, "0"),),
            done=len(found),
            failures=tuple(failure_row(entry, case.error) for entry, case in both if case.error is not None),
            not_converged=sum(not answer.converged for _, answer in found),
            atoms=sum(len(answer.atoms) for _, answer in found),
            seconds=ended - begun,
            started=stamp(begun),
            finished=stamp(ended),
            worker=self.workers[shard % len(self.workers)],
            host="here",
        )

    def _times(self, shard: int) -> tuple[float, float]:
        turn, pause = shard // len(self.workers), 3600.0 * sum(stop <= shard for stop in self.stops)
        return pause + turn * self.pace, pause + (turn + 1) * self.pace

    def _part(self, first: int, last: int) -> dict[str, Any]:
        return {
            "started": stamp(self._times(first)[0]),
            "ended": stamp(self._times(max(last - 1, first))[1]) if self.ended else None,
            "engine": "local",
            "workers": len(self.workers),
            "versions": VERSIONS,
        }

    def _record(self, shards: int, total: int) -> dict[str, Any]:
        source = {"source": "set.extxyz", "path": "/data/set.extxyz", "kind": "extxyz", "bytes": 123456}
        return {
            "command": ["alchemi", "map", "set.extxyz"],
            "status": "done" if self.structures is None else "interrupted",
            "started": stamp(0),
            "finished": stamp(100),
            **self.settings.described(),
            "model": {
                "expression": "lennard-jones + dftd3(functional='pbe')",
                "plan": ["plan    2 steps", "energy = [0] + [1]"],
                "citations": ["10.1063/1.3382344"],
                "labels": list(LABELS),
            },
            "pipeline": {"sha256": "0"},
            "inputs": [{**source, "sha256": "ab" * 32, "structures": total}],
            "structures": total,
            "shard_size": self.shard_size,
            "shards": -(-total // self.shard_size),
            "versions": VERSIONS,
            "parts": [self._part(first, last) for first, last in pairwise([0, *self.stops, shards])],
        }


class Read(HTMLParser):
    """A page as a browser takes it: its elements, and its tables by their captions."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.open: list[str] = []
        self.words: list[str] = []
        self._table: list[list[str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        if tag not in ("meta", "br"):
            self.open.append(tag)
        if tag == "caption":
            self._table = []
        if tag == "tr":
            self._table.append([])
        if tag in ("th", "td"):
            self._table[-1].append("")
        if tag == "br":
            self.handle_data("\n")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.words.append(data)
        if "caption" in self.open and "span" not in self.open:
            self.tables[data] = self._table
        if self.open and {"th", "td"} & set(self.open):
            self._table[-1][-1] += data

    @property
    def text(self) -> str:
        """All that is to be read."""
        return "".join(self.words)

    def rows(self, caption: str) -> list[list[str]]:
        """Return the rows of a table, without its headings."""
        return self.tables[caption][1:]


def number(text: str) -> float:
    """Return the value of a number as the report writes it."""
    plain = text.replace("−", "-").replace("\u202f", "").replace("×10", "e")
    return float(plain.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")))


@pytest.fixture
def answered() -> Callable[[], Case]:
    """Make structures with results, each another one; the same in every run."""
    draws = np.random.default_rng(7)
    return lambda: _answered(draws)


@pytest.fixture
def failing() -> Callable[..., Case]:
    """Make structures without results."""
    return _failing


@pytest.fixture
def read_number() -> Callable[[str], float]:
    """Return the value of a number as the report writes it."""
    return number


@pytest.fixture
def run_folder(tmp_path: Path) -> Callable[..., RunFolder]:
    """Make a folder of a run."""
    return lambda **how: RunFolder(tmp_path / "run", **how)


@pytest.fixture
def report() -> Callable[[Path], Read]:
    """Write the report of a folder, and read it."""

    def read(folder: Path) -> Read:
        page = Read(write_report(folder).read_text(encoding="utf-8"))
        assert page.open == []
        return page

    return read
