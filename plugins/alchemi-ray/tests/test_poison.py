"""Structures that cannot be computed: each is named with its reason, and everything else is there."""

import csv

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ase import Atoms
from ase.build import molecule
from ase.io import read

POISON = {3: "GeometryError", 7: "UnsupportedElementError", 8: "GeometryError", 12: "InputFileError"}


@pytest.fixture
def poisoned(here, tools):
    """Twenty structures: one with NaN, one of an element that D3 does not know, two atoms at one place, one damaged."""
    structures = tools.mixed(20)
    structures[3].positions[1, 2] = np.nan
    structures[7] = Atoms("Rf2", positions=[[0, 0, 0], [0, 0, 3]])
    structures[8].positions[1] = structures[8].positions[0]
    structures[12] = molecule("CH4")
    tools.save("data.extxyz", structures)
    text = (here / "data.extxyz").read_text()
    damaged = text.replace("5\n", "5\n", 1)
    head = damaged.index("\n5\n") + 1
    lines = damaged[head:].splitlines(keepends=True)
    lines[3] = lines[3].replace(".", "?", 1)
    (here / "data.extxyz").write_text(damaged[:head] + "".join(lines))
    return here


@pytest.mark.parametrize("workers", [1, 2])
def test_poison_is_named_and_all_else_is_there(alchemi, poisoned, tools, workers):
    tools.save("clean.extxyz", tools.mixed(20))
    answer = alchemi("data.extxyz", "--model", tools.MODEL, "--shard-size", 6, "--workers", workers, "--out", "out")
    assert answer.code == 1, answer.err
    tools.check_exactly_once(poisoned / "out", 20)
    failures = tools.failures_of(poisoned / "out")
    assert {row["number"]: row["error"] for row in failures} == POISON
    alchemi("clean.extxyz", "--model", tools.MODEL, "--out", "clean")
    clean = {row["number"]: row["energy"] for row in tools.results_of(poisoned / "clean")}
    for row in tools.results_of(poisoned / "out"):
        assert row["energy"] == pytest.approx(clean[row["number"]], abs=1e-10)


def test_the_table_of_failures_is_for_people_too(alchemi, poisoned, tools):
    answer = alchemi("data.extxyz", "--model", tools.MODEL, "--out", "out")
    with (poisoned / "out" / "failures.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {int(row["number"]): row["error"] for row in rows} == POISON
    by_number = {int(row["number"]): row for row in rows}
    assert "position of atom 1" in by_number[3]["message"]
    assert "Rf" in by_number[7]["message"]
    assert (by_number[7]["formula"], by_number[7]["atoms"]) == ("Rf2", "2")
    assert (by_number[12]["formula"], by_number[12]["atoms"]) == ("", "")
    assert len(by_number[12]["digest"]) == 32
    for name in set(POISON.values()):
        assert name in answer.out


def test_a_dataset_of_nothing_but_poison_is_answered_for(alchemi, here, tools):
    tools.save("data.extxyz", [Atoms("H", positions=[[0, 0, np.nan]])] * 3)
    for form in ("parquet", "extxyz"):
        assert alchemi("data.extxyz", "--model", tools.MODEL, "--form", form, "--out", form).code == 1
    tools.check_exactly_once(here / "parquet", 3)
    assert len(tools.failures_of(here / "extxyz")) == 3


@pytest.mark.parametrize("task", ["relax", "phonons"])
def test_other_tasks_go_on_too(alchemi, here, tools, task):
    structures = tools.mixed(4)
    structures[1].positions[0, 0] = np.inf
    tools.save("data.extxyz", structures)
    words = ("--fmax", 0.5, "--steps", 3) if task == "relax" else ("--supercell", 1, 1, 1)
    alchemi("data.extxyz", "--model", tools.MODEL, "--task", task, *words, "--shard-size", 4, "--out", "out")
    tools.check_exactly_once(here / "out", 4)
    failed = {row["number"]: row["error"] for row in tools.failures_of(here / "out")}
    molecules = {} if task == "relax" else {0: "DerivativeError", 2: "DerivativeError"}
    assert failed == {1: "GeometryError", **molecules}
    assert len(read("data.extxyz", ":")) == 4


def test_energies_that_are_no_numbers_are_failures(alchemi, here, tools):
    close = {"numbers": [[18, 18]], "positions": [[[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]]}
    pq.write_table(pa.table(close), "close.parquet")
    assert alchemi("close.parquet", "--model", "lennard-jones(sigma=1e30, cutoff=5.0)", "--out", "out").code == 1
    (row,) = tools.failures_of(here / "out")
    assert (row["error"], "not finite" in row["message"]) == ("ModelOutputError", True)


def test_results_of_other_models_are_left_behind(alchemi, here, tools):
    (here / "a.extxyz").write_text(
        '1\nProperties=species:S:1:pos:R:3:forces:R:3 energy=5.0 pbc="F F F"\nAr 0 0 0 9 9 9\n'
    )
    assert alchemi("a.extxyz", "--model", tools.MODEL, "--out", "out").code == 0
    (row,) = tools.results_of(here / "out")
    assert (row["energy"], row["forces"], row["info"]) == (0.0, [[0.0] * 3], None)
