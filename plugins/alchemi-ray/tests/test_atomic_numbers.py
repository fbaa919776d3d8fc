"""Atomic numbers of no element fail with their structure, not with the run."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from alchemi_ray.atomic_numbers import formula_of, whole_numbers
from alchemi_ray.dataset.reader import Entry
from alchemi_ray.dataset.record import Record
from alchemi_ray.failing import failure_row
from ase import Atoms

from alchemi_core.errors import InputFileError


@pytest.mark.parametrize(("number", "formula"), [(119, "H2[119]"), (-1, "[-1]H2"), (2**40, f"H2[{2**40}]"), (8, "H2O")])
def test_there_is_a_formula_of_all_numbers(number, formula):
    atoms = Atoms(numbers=[1, 1, 1], positions=[[0, 0, n] for n in range(3)])
    atoms.numbers[1] = number
    assert formula_of(atoms) == formula
    row = failure_row(Entry(0, "a", 0, Record(atoms, None)), ValueError("half a pair: \ud800"))
    assert (row["formula"], row["message"]) == (formula, "half a pair: \\ud800")


@pytest.mark.parametrize("number", [1.7, -1, 119, 200, 2**40, float("nan"), None])
def test_what_is_no_atomic_number_is_refused(number):
    with pytest.raises(InputFileError, match="whole numbers from 0 to 118"):
        whole_numbers([1, number])


@pytest.mark.parametrize("number", [1.7, -1, 200, 2**40])
def test_a_row_with_such_a_number_fails_alone(alchemi, here, tools, number):
    rows = [{"numbers": [18, one], "positions": [[0.0] * 3, [0.0, 0.0, 3.5]]} for one in (18, number, 18)]
    kind = pa.float64() if isinstance(number, float) else pa.int64()
    schema = pa.schema([("numbers", pa.list_(kind)), ("positions", pa.list_(pa.list_(pa.float64())))])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), here / "a.parquet")
    check_second_fails(alchemi, here, tools, "a.parquet")


def test_a_frame_with_such_a_number_fails_alone(alchemi, here, tools):
    frame = '2\nProperties=numbers:I:1:pos:R:3 pbc="F F F"\n18 0.0 0.0 0.0\n{} 0.0 0.0 3.5\n'
    (here / "a.extxyz").write_text("".join(map(frame.format, (18, 200, 18))))
    check_second_fails(alchemi, here, tools, "a.extxyz")


def check_second_fails(alchemi, here, tools, name):
    answer = alchemi(name, "--model", "lennard-jones", "--out", "out")
    assert answer.code == 1, answer.err
    tools.check_exactly_once(here / "out", 3)
    (failure,) = tools.failures_of(here / "out")
    assert (failure["number"], failure["error"]) == (1, "InputFileError")
    assert "whole numbers from 0 to 118" in failure["message"]
