"""Folders of runs with numbers that the tests know, written with Arrow alone as `alchemi_ray.layout` says."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LABELS = ("lennard-jones", "dftd3")

ROWS = pa.list_(pa.list_(pa.float64()))
COLUMNS = {
    "number": pa.int64(),
    "source": pa.string(),
    "index": pa.int64(),
    "digest": pa.string(),
    "numbers": pa.list_(pa.int32()),
    "positions": ROWS,
    "energy": pa.float64(),
    "forces": ROWS,
    "stress": pa.list_(pa.float64()),
    "energy_terms": pa.map_(pa.string(), pa.float64()),
    "energy_std": pa.float64(),
    "forces_std": pa.list_(pa.float64()),
    "dipole": pa.list_(pa.float64()),
    "converged": pa.bool_(),
    "steps": pa.int32(),
    "largest_force": pa.float64(),
    "energy_before": pa.float64(),
    "lowest_frequency_THz": pa.float64(),
    "imaginary_modes": pa.bool_(),
}
FAILURES = {
    "number": pa.int64(),
    "source": pa.string(),
    "index": pa.int64(),
    "digest": pa.string(),
    "formula": pa.string(),
    "atoms": pa.int64(),
    "error": pa.string(),
    "message": pa.string(),
}


def stamp(seconds: float) -> str:
    """Return a time after the start as the ledger has it."""
    return (START + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def row(number: int, draws: np.random.Generator, *, source: str = "set.extxyz") -> dict[str, Any]:
    """Make one structure with results: 2 to 12 atoms, forces over decades, stress in two of three."""
    atoms = int(draws.integers(2, 13))
    forces = draws.normal(size=(atoms, 3)) * 10.0 ** draws.uniform(-3, 2)
    terms = {"lennard-jones": float(draws.normal(-3.0, 0.4)) * atoms, "dftd3": float(draws.normal(-0.2, 0.05)) * atoms}
    return {
        "number": number,
        "source": source,
        "index": number,
        "digest": f"{number:032x}",
        "numbers": draws.choice([1, 6, 8], size=atoms).tolist(),
        "positions": draws.normal(size=(atoms, 3)).tolist(),
        "energy": sum(terms.values()),
        "forces": forces.tolist(),
        "stress": None if number % 3 == 0 else draws.normal(0.0, 0.05, size=6).tolist(),
        "energy_terms": list(terms.items()),
    }


def failure(
    number: int, error: str = "GeometryError", message: str = "two atoms at one place", **more: Any
) -> dict[str, Any]:
    """Make one structure without results."""
    known = {"number": number, "source": "set.extxyz", "index": number, "digest": None, "formula": "H2", "atoms": 2}
    return {**known, "error": error, "message": message, **more}


@attrs.define
class RunFolder:
    """Writes the folder of a run; every shard takes `pace` seconds, the workers one after the other."""

    folder: Path
    task: str = "singlepoint"
    outputs: Sequence[str] = ("energy", "forces", "stress")
    shard_size: int = 100
    workers: Sequence[str] = ("local-0", "local-1")
    pace: float = 2.0
    structures: int | None = None
    status: str = "done"
    attempts: dict[int, int] = attrs.field(factory=dict)
    stops: Sequence[int] = ()
    """Shards before which the run stood still for an hour."""
    killed: bool = False
    more: dict[str, Any] = attrs.field(factory=dict)

    def write(self, rows: Sequence[dict[str, Any]], failures: Sequence[dict[str, Any]] = ()) -> Path:
        """Write rows and failures, cut into shards by their numbers."""
        for name in ("results", "failures"):
            (self.folder / name).mkdir(parents=True)
        highest = max([one["number"] for one in (*rows, *failures)], default=-1)
        shards = range(highest // self.shard_size + 1)
        lines = [self._shard(shard, rows, failures) for shard in shards]
        (self.folder / "ledger.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        total = highest + 1 if self.structures is None else self.structures
        (self.folder / "run.json").write_text(json.dumps({**self._record(len(lines), total), **self.more}))
        return self.folder

    def _shard(self, shard: int, rows: Sequence[dict[str, Any]], failures: Sequence[dict[str, Any]]) -> dict[str, Any]:
        mine = [one for one in rows if one["number"] // self.shard_size == shard]
        lost = [one for one in failures if one["number"] // self.shard_size == shard]
        begun, ended = self._times(shard)
        return {
            "shard": shard,
            "first": shard * self.shard_size,
            "structures": len(mine) + len(lost),
            "done": len(mine),
            "failed": len(lost),
            "not_converged": sum(one.get("converged") is False for one in mine),
            "atoms": sum(len(one["numbers"]) for one in mine),
            "seconds": ended - begun,
            "started": stamp(begun),
            "finished": stamp(ended),
            "worker": self.workers[shard % len(self.workers)],
            "host": "here",
            "attempts": self.attempts.get(shard, 1),
            "errors": {error: sum(one["error"] == error for one in lost) for error in {one["error"] for one in lost}},
            "results": self._file("results", shard, mine, COLUMNS),
            "failures": self._file("failures", shard, lost, FAILURES),
        }

    def _times(self, shard: int) -> tuple[float, float]:
        turn, pause = shard // len(self.workers), 3600.0 * sum(stop <= shard for stop in self.stops)
        return pause + turn * self.pace, pause + (turn + 1) * self.pace

    def _file(self, kind: str, shard: int, rows: list[dict[str, Any]], types: dict[str, pa.DataType]) -> Any:
        if not rows:
            return None
        name = f"{kind}/{shard:06d}.parquet"
        schema = pa.schema([(column, types[column]) for column in types if column in rows[0]])
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), self.folder / name)
        return {"file": name, "bytes": 1, "sha256": ""}

    def _record(self, shards: int, total: int) -> dict[str, Any]:
        edges = [0, *self.stops, shards]
        parts = [
            {
                "started": stamp(self._times(first)[0]),
                "ended": None if self.killed else stamp(self._times(max(last - 1, first))[1]),
                "engine": "local",
                "workers": len(self.workers),
                "versions": {"python": "3.11.7", "alchemi-core": "0.1.0", "plugins": {}},
            }
            for first, last in pairwise(edges)
        ]
        return {
            "command": ["alchemi", "map", "set.extxyz"],
            "status": self.status,
            "started": stamp(0),
            "finished": stamp(100),
            "task": self.task,
            "outputs": list(self.outputs),
            "options": {},
            "form": "parquet",
            "device": "cpu",
            "dtype": "float64",
            "model": {
                "expression": "lennard-jones + dftd3(functional='pbe')",
                "plan": ["plan    2 steps", "energy = [0] + [1]"],
                "citations": ["A reference"],
                "labels": list(LABELS),
            },
            "pipeline": {"sha256": "0"},
            "inputs": [
                {
                    "source": "set.extxyz",
                    "path": "/data/set.extxyz",
                    "kind": "extxyz",
                    "bytes": 123456,
                    "sha256": "ab" * 32,
                    "structures": total,
                }
            ],
            "structures": total,
            "shard_size": self.shard_size,
            "shards": -(-total // self.shard_size),
            "versions": {
                "python": "3.11.7",
                "alchemi-core": "0.1.0",
                "plugins": {"alchemi-dftd3": {"version": "0.1.0", "builds_on": {"dftd3": "1.7.0"}}},
            },
            "parts": parts,
            "totals": {},
        }


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    """400 structures with results."""
    draws = np.random.default_rng(7)
    return [row(number, draws) for number in range(400)]


@pytest.fixture
def run_folder(tmp_path: Path) -> Callable[..., RunFolder]:
    """Make a folder of a run."""
    return lambda **how: RunFolder(tmp_path / "run", **how)
