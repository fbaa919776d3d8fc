"""Small datasets, the command in this process and in one of its own, and plugins whose models misbehave."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import pyarrow.parquet as pq
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.io import write

from alchemi_core.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable

MODEL = "lennard-jones(epsilon=0.01, sigma=2.3, cutoff=6.0) + dftd3(functional='pbe')"
MISBEHAVING = Path(__file__).parent / "misbehaving"
PATIENCE = 240.0

sys.path.append(str(MISBEHAVING))


def mixed(count: int, seed: int = 0) -> list[Atoms]:
    """Molecules and crystals, every one another."""
    rng = np.random.default_rng(seed)
    kinds = [
        lambda: molecule("H2O"),
        lambda: bulk("Ar", cubic=True, a=5.3 + 0.2 * rng.random()),
        lambda: molecule("CH3OH"),
        lambda: bulk("NaCl", "rocksalt", a=5.6 + 0.1 * rng.random()),
    ]
    found = []
    for number in range(count):
        atoms = kinds[number % len(kinds)]()
        atoms.positions += 0.03 * rng.standard_normal(atoms.positions.shape)
        atoms.info["tag"] = number
        found.append(atoms)
    return found


@attrs.frozen
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def alchemi(here, capsys):
    """Run ``alchemi map`` in this process."""

    def run(*words: object, report: bool = False) -> Answer:
        capsys.readouterr()
        code = main(["map", *map(str, words), *([] if report else ["--no-report"])])
        told = capsys.readouterr()
        return Answer(code, told.out, told.err)

    return run


def environment(**more: str) -> dict[str, str]:
    """Return variables under which the misbehaving models are on offer, in every process of the command."""
    paths = [str(MISBEHAVING), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1", **more}


@pytest.fixture
def command(here):
    """Start ``alchemi map`` in a process of its own, which ends with the test at the latest."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: object, **more: str) -> subprocess.Popen[str]:
        call = [sys.executable, "-P", "-m", "alchemi_core.cli", "map", *map(str, words), "--no-report"]
        process = subprocess.Popen(
            call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(**more)
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def finished(process: subprocess.Popen[str]) -> Answer:
    out, err = process.communicate(timeout=PATIENCE)
    return Answer(process.returncode, out, err)


def ledger_of(folder: Path) -> list[dict[str, Any]]:
    """Return the whole lines of a ledger that may be written right now."""
    path = folder / "ledger.jsonl"
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def wait_for_shards(folder: Path, count: int, process: subprocess.Popen[str]) -> None:
    wait_until(lambda: len(ledger_of(folder)) >= count, process)


def wait_for_workers(folder: Path, names: set[str], process: subprocess.Popen[str]) -> None:
    wait_until(lambda: names <= {line["worker"] for line in ledger_of(folder)}, process)


def wait_until(met: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + PATIENCE
    while not met():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)


def results_of(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of the shards that the ledger speaks of, in the order of the dataset."""
    files = [folder / line["results"]["file"] for line in ledger_of(folder)]
    return sorted((row for file in files for row in pq.read_table(file).to_pylist()), key=lambda row: row["number"])


def failures_of(folder: Path) -> list[dict[str, Any]]:
    files = [folder / line["failures"]["file"] for line in ledger_of(folder) if line["failures"]]
    return sorted((row for file in files for row in pq.read_table(file).to_pylist()), key=lambda row: row["number"])


def check_exactly_once(folder: Path, structures: int) -> None:
    """Every number, and every place in a file, is there once, and no file that the ledger does not know."""
    rows = [*results_of(folder), *failures_of(folder)]
    assert sorted(row["number"] for row in rows) == list(range(structures))
    assert len({(row["source"], row["index"]) for row in rows}) == structures
    known = {line[kind]["file"] for line in ledger_of(folder) for kind in ("results", "failures") if line[kind]}
    there = {str(path.relative_to(folder)) for kind in ("results", "failures") for path in (folder / kind).iterdir()}
    assert there == known


def check_equal(folder: Path, other: Path) -> None:
    """Both have the same results, to rounding, and the same failures."""
    for one, two in zip(results_of(folder), results_of(other), strict=True):
        assert (one["number"], one["source"], one["index"], one["digest"]) == (
            two["number"],
            two["source"],
            two["index"],
            two["digest"],
        )
        assert one["energy"] == pytest.approx(two["energy"], abs=1e-10)
        np.testing.assert_allclose(one["forces"], two["forces"], atol=1e-10)
    assert failures_of(folder) == failures_of(other)


def save(path: Path | str, structures: list[Atoms]) -> list[Atoms]:
    write(path, structures, format="extxyz")
    return structures


@pytest.fixture(scope="session")
def tools():
    """All of the above that tests call."""
    shared = (
        mixed,
        save,
        finished,
        ledger_of,
        wait_for_shards,
        wait_for_workers,
        results_of,
        failures_of,
        check_exactly_once,
        check_equal,
    )
    return SimpleNamespace(MODEL=MODEL, **{one.__name__: one for one in shared})
