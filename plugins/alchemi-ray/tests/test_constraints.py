"""Atoms that are held stay held: in every format that is read, through a run, and in results that are read again."""

from contextlib import closing

import ase.db
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from alchemi_ray.constraints import constraints_of, constraints_text
from alchemi_ray.dataset.reader import Reader
from alchemi_ray.dataset.shard import cut
from alchemi_ray.dataset.source import Source
from alchemi_ray.digests import digest_of
from alchemi_ray.structure_rows import row_of
from ase.build import molecule
from ase.constraints import FixAtoms, FixBondLengths, FixedPlane, FixScaled
from ase.io import write

HELD = [FixAtoms([2, 0])]
OTHERS = [FixBondLengths([[1, 2]]), FixAtoms([0])]


def write_database(path, structures):
    with ase.db.connect(path) as database:
        for atoms in structures:
            database.write(atoms)


def write_parquet(path, structures):
    pq.write_table(pa.Table.from_pylist([row_of(atoms) for atoms in structures]), path)


FORMATS = {"a.extxyz": write, "a.db": write_database, "a.json": write_database, "a.parquet": write_parquet}


def water(constraints):
    atoms = molecule("H2O")
    atoms.positions = np.round(atoms.positions, 8)  # as extended XYZ keeps them
    atoms.set_constraint(constraints)
    return atoms


def read_back(path):
    source = Source.survey(path)
    (shard,) = cut([source], 1000)
    with closing(Reader([source])) as reader:
        return [entry.record for entry in reader.read(shard)]


@pytest.mark.parametrize("name", FORMATS)
def test_held_atoms_are_the_same_in_every_format(tmp_path, name):
    FORMATS[name](tmp_path / name, [water(HELD), water([])])
    held, free = read_back(tmp_path / name)
    assert [sorted(one.index) for one in held.atoms.constraints] == [[0, 2]]
    assert free.atoms.constraints == []
    assert held.digest == digest_of(water([FixAtoms([0]), FixAtoms([2])]))
    assert free.digest == digest_of(water([])) != held.digest


@pytest.mark.parametrize("name", ["a.db", "a.json", "a.parquet"])
def test_other_constraints_come_along(tmp_path, name):
    FORMATS[name](tmp_path / name, [water(OTHERS)])
    (record,) = read_back(tmp_path / name)
    assert {one.todict()["name"] for one in record.atoms.constraints} == {"FixAtoms", "FixBondLengths"}
    assert record.digest == digest_of(water(OTHERS)) != digest_of(water(OTHERS[:1]))


@pytest.mark.parametrize("constraint", [FixedPlane(0, [0.0, 0.0, 1.0]), FixScaled([1], [True, False, True])])
def test_what_is_written_is_what_is_read(constraint):
    (back,) = constraints_of(constraints_text(water([constraint])))
    assert constraints_text(water([back])) == constraints_text(water([constraint]))


def test_atoms_counted_from_the_end_are_the_same_atoms():
    assert digest_of(water([FixAtoms([-1])])) == digest_of(water([FixAtoms([2])]))
    assert "[2]" in constraints_text(water([FixAtoms([-1])]))


@pytest.mark.parametrize("text", ["{}", "[{}]", '[{"name": "FixNothing", "kwargs": {}}]', "[1]"])
def test_what_is_no_constraint_fails_alone(tmp_path, text):
    rows = [{**row_of(water([])), "constraints": one} for one in (text, None)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    wrong, right = read_back(tmp_path / "a.parquet")
    assert "cannot be read" in str(wrong.error)
    assert right.error is None


@pytest.mark.parametrize("form", ["parquet", "extxyz"])
def test_results_of_relaxation_hold_what_was_held(alchemi, here, form):
    given = [water(HELD), water(OTHERS), water([])]
    for atoms in given:
        atoms.positions[1] += 0.1
    write_database(here / "data.db", given)
    options = ("--task", "relax", "--steps", 3, "--shard-size", 3, "--form", form, "--out", "out")
    answer = alchemi("data.db", "--model", "lennard-jones(epsilon=0.01, sigma=1.2, cutoff=6.0)", *options)
    assert (answer.code, answer.err) == (1, "")  # after three steps none has converged
    (file,) = (here / "out" / "results").iterdir()
    for atoms, record in zip(given, read_back(file), strict=True):
        assert constraints_text(record.atoms) == constraints_text(atoms)
        moved = np.abs(record.atoms.positions - atoms.positions).max(axis=1) > 1e-6
        assert moved.tolist() == [not any(0 in one.index for one in atoms.constraints if isinstance(one, FixAtoms)),
                                  True, atoms is not given[0]]  # fmt: skip
