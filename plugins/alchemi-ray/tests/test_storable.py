"""Results that no file takes are failures of their structures."""

import io
import json
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from alchemi_ray.dataset.frames import frames
from alchemi_ray.dataset.reader import Entry
from alchemi_ray.dataset.record import Record
from alchemi_ray.dataset.xyz import record_of
from alchemi_ray.digests import info_text
from alchemi_ray.frames_of_results import frame_of
from alchemi_ray.readable import MEANT, readable_text
from alchemi_ray.storable import Storable
from alchemi_ray.structure_rows import atoms_of, row_of
from alchemi_ray.tasks.answer import Answer
from ase import Atoms
from ase.build import molecule
from ase.io import read
from hypothesis import given, settings
from hypothesis import strategies as st


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


ODD = [
    {"label": ""},
    {"label": "", "further": 1},
    {"virial": 5},
    {"Properties": "x"},
    {"a=b": 1},
    {"": 1},
    {"a b": "c d"},
    {"code": "007"},
    {"code": "T"},
    {"code": "1 2 3"},
    {"code": "_JSON x"},
    {"code": None},
    {"code": 2**70},
    {"energy": 3.0},
    {"forces": [1.0, 2.0]},
    {"stress": 1.0},
    {"pbc": "no"},
    {"Lattice": "fcc"},
    {"words": ["a", "b c"]},
    {"list": [1, 2.5]},
    {"flag": True, "x": 0.1, "n": -3},
    {"of": {"a": [1, {"b": 'a "quoted" word', "c": "two\nlines\\"}]}},
    {"word": "two\nlines"},
    {"word": "b\\c"},
    {"word": 'a "quoted" b\\'},
    {"word": "é%22"},
    {"word": "line\u2028separator"},
]


@pytest.mark.parametrize("info", ODD, ids=str)
def test_whatever_info_says_comes_back_from_extended_xyz(tools, info):
    atoms = tools.mixed(2)[1]
    atoms.info = info
    columns = {"energy": 1.0, "forces": np.zeros((len(atoms), 3)), "energy_terms": {"a": 1.0}}
    entry = Entry(0, "a.db", 0, Record(atoms, "d"))
    text = readable_text(frame_of(entry, Answer(atoms, columns), "run"))
    (frame,) = frames(io.BytesIO(text.encode()))
    back = record_of(frame).atoms
    assert info_text(back) == info_text(atoms)
    (by_ase,) = read(io.StringIO(text), ":", format="extxyz")
    assert by_ase.get_potential_energy() == 1.0
    assert (by_ase.numbers == atoms.numbers).all()
    assert by_ase.info["alchemi"]["energy_terms"] == {"a": 1.0}
    assert by_ase.info["alchemi"]["digest"] == "d"


def test_words_by_atom_that_columns_cannot_hold_are_refused(tools):
    atoms = tools.mixed(1)[0]
    atoms.set_array("site", np.array(["a b", "c", "d"]))
    entry = Entry(0, "a.db", 0, Record(atoms, "d"))
    with pytest.raises(ValueError, match="arrays"):
        readable_text(frame_of(entry, Answer(atoms, {"energy": 1.0}), "run"))
    atoms.set_array("site", np.array(["ab", "c", "d"]))
    assert "ab" in readable_text(frame_of(entry, Answer(atoms, {"energy": 1.0}), "run"))


KEYS = st.text("abzZ_019 =\"'é", max_size=4) | st.sampled_from(sorted(MEANT))
WORDS = st.text("aTF.0e+-() nif:\"'\\\\\n_é[]{}", max_size=5)
VALUES = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False) | WORDS | st.lists(WORDS)


@settings(deadline=None, max_examples=150)
@given(st.dictionaries(KEYS, VALUES, max_size=3))
def test_any_info_comes_back_from_extended_xyz(info):
    atoms = molecule("H2O")
    atoms.info = info
    text = readable_text(frame_of(Entry(0, "a.db", 0, Record(atoms, "d")), Answer(atoms, {"energy": 1.0}), "run"))
    (frame,) = frames(io.BytesIO(text.encode()))
    back = record_of(frame)
    assert info_text(back.atoms) == info_text(atoms), back.error
    assert info_text(atoms_of(row_of(atoms))) == info_text(atoms)
    (by_ase,) = read(io.StringIO(text), ":", format="extxyz")
    assert by_ase.info["alchemi"]["digest"] == "d"


ODD_ARRAYS = {
    "beyond int32": ("id", np.array([3_000_000_000, 1, 2])),
    "no columns": ("empty", np.zeros((3, 0))),
    "vectors of charges": ("initial_charges", np.zeros((3, 3))),
    "atomic numbers of another kind": ("Z", np.array([1, 2, 3])),
    "a mask": ("move_mask", np.array([1, 0, 0])),
    "charges of somebody": ("charges", np.array([9.0, 9.0, 9.0])),
    "forces of somebody": ("forces", np.ones((3, 3))),
    "energies of somebody": ("energies", np.ones(3)),
    "species": ("species", np.array([1, 2, 3])),
    "pos": ("pos", np.ones((3, 3))),
    "unsigned": ("code", np.array([1, 2, 3], dtype=np.uint8)),
    "a column": ("column", np.ones((3, 1))),
    "complex": ("phase", np.ones(3, dtype=complex)),
    "three axes": ("tensor", np.ones((3, 2, 2))),
    "spaces": ("site", np.array(["a b", "c", "d"])),
}


@pytest.mark.parametrize("kind", ODD_ARRAYS)
def test_arrays_come_back_from_extended_xyz_or_are_refused(kind):
    atoms = molecule("H2O")
    name, values = ODD_ARRAYS[kind]
    atoms.arrays[name] = values
    frame = frame_of(Entry(0, "a.db", 0, Record(atoms, "d")), Answer(atoms, {"energy": 1.0}), "run")
    with pytest.raises(ValueError, match="extended XYZ cannot keep"):
        readable_text(frame)


@pytest.mark.parametrize("name", ["initial_charges", "initial_magmoms", "momenta", "masses", "tags", "weight", "spins"])
def test_usual_arrays_come_back_from_extended_xyz(name):
    atoms = molecule("H2O")
    values = np.array([1, 2, 3]) if name == "tags" else np.array([0.5, 1.5, 2.5])
    atoms.set_array(name, np.outer(values, [1.0, 2.0, 3.0]) if name in ("momenta", "spins") else values)
    text = readable_text(frame_of(Entry(0, "a.db", 0, Record(atoms, "d")), Answer(atoms, {"energy": 1.0}), "run"))
    np.testing.assert_allclose(record_of(text.encode()).atoms.arrays[name], atoms.arrays[name])
