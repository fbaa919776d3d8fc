"""Results that no file takes are failures of their structures."""

import json
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from alchemi_ray.dataset.reader import Entry
from alchemi_ray.dataset.record import Record
from alchemi_ray.storable import Storable
from alchemi_ray.structure_rows import row_of
from alchemi_ray.tasks.answer import Answer
from ase import Atoms
from ase.io import read


@pytest.mark.parametrize("form", ["parquet", "extxyz"])
def test_half_a_pair_of_surrogates_costs_one_structure_at_most(alchemi, here, tools, form):
    rows = [row_of(Atoms("Ar", info={"tag": tag})) for tag in ("a", "b", "c")]
    rows[1]["info"] = json.dumps({"tag": "\ud800"})
    pq.write_table(pa.Table.from_pylist(rows), here / "a.parquet")
    answer = alchemi("a.parquet", "--model", "lennard-jones", "--form", form, "--out", "out")
    assert answer.code == (1 if form == "extxyz" else 0), answer.err
    if form == "extxyz":
        (failure,) = tools.failures_of(here / "out")
        assert (failure["number"], failure["error"]) == (1, "ModelOutputError")
        assert "UnicodeEncodeError" in failure["message"]
        assert len(read(here / "out" / "results" / "000000.extxyz", ":")) == 2


def test_what_arrow_does_not_take_is_refused_alone():
    energies = (1.0, "much", 3.0)
    found = [
        (Entry(n, "a", n, Record(Atoms("Ar"), "d")), Answer(Atoms("Ar"), {"energy": one, "energy_terms": {}}))
        for n, one in enumerate(energies)
    ]
    settings = SimpleNamespace(form="parquet", contributions=None, outputs=(), task="singlepoint")
    storable = Storable.of(found, settings, "0")
    assert [entry.number for entry, _ in storable.found] == [0, 2]
    ((entry, error),) = storable.refused
    assert entry.number == 1
    assert "ArrowInvalid" in str(error)
    assert pa.ipc.open_stream(storable.content).read_all()["energy"].to_pylist() == [1.0, 3.0]


@pytest.mark.parametrize(
    "word", ["two\nlines", 'a "quoted" b\\', {"of": 'a "quoted" word'}, {"of": "two\nlines"}, "b\\c"]
)
def test_words_that_extended_xyz_garbles_cost_one_structure_and_no_file(alchemi, here, tools, word):
    rows = [row_of(Atoms("Ar", info={"word": one})) for one in ("Fm-3m", word, 'plain "quotes"', "é")]
    pq.write_table(pa.Table.from_pylist(rows), here / "a.parquet")
    answer = alchemi("a.parquet", "--model", "lennard-jones", "--form", "extxyz", "--out", "out")
    written = read(here / "out" / "results" / "000000.extxyz", ":")
    kept = [atoms.info["word"] for atoms in written]
    if answer.code == 0:
        assert kept == ["Fm-3m", word, 'plain "quotes"', "é"]
    else:
        assert kept == ["Fm-3m", 'plain "quotes"', "é"]
        (failure,) = tools.failures_of(here / "out")
        assert (failure["number"], failure["error"]) == (1, "ModelOutputError")
        assert "a file of extxyz" in failure["message"]
        assert "--form parquet" in failure["message"]
