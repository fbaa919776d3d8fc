"""Datasets in all formats: the same structures with the same digests, in any shards."""

import bz2
import gzip
import lzma
import os
import sys
from contextlib import closing
from pathlib import Path

import ase.db
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from alchemi_ray.dataset.finding import find_files
from alchemi_ray.dataset.reader import Reader
from alchemi_ray.dataset.shard import cut
from alchemi_ray.dataset.source import Source
from alchemi_ray.digests import digest_of
from alchemi_ray.json_fields import content_of_field
from alchemi_ray.structure_rows import row_of
from ase.constraints import FixAtoms
from ase.io import read, write
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemi_core.errors import InputFileError, OptionError


@pytest.fixture(scope="module")
def structures(tmp_path_factory, tools):
    """As extended XYZ keeps them: with eight decimals."""
    path = tmp_path_factory.mktemp("first") / "first.extxyz"
    tools.save(path, tools.mixed(150))
    return read(path, ":")


def save(path, structures):
    write(path, structures, format="extxyz")


def write_database(path, structures):
    with ase.db.connect(path) as database:
        for atoms in structures:
            database.write(atoms, key_value_pairs=atoms.info)


def write_parquet(path, structures):
    rows = [row_of(atoms) for atoms in structures]
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=40)


def write_compressed(opener):
    def compress(path, structures):
        save(path.with_suffix(""), structures)
        with opener(path, "wb") as file:
            file.write(path.with_suffix("").read_bytes())

    return compress


FORMATS = {
    "a.extxyz": save,
    "a.xyz": save,
    "a.extxyz.gz": write_compressed(gzip.open),
    "a.xyz.bz2": write_compressed(bz2.open),
    "a.extxyz.xz": write_compressed(lzma.open),
    "a.db": write_database,
    "a.json": write_database,
    "a.parquet": write_parquet,
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("size", [7, 64, 1000])
def test_every_format_gives_the_same_structures(tmp_path, structures, name, size):
    FORMATS[name](tmp_path / name, structures)
    source = Source.survey(tmp_path / name)
    assert source.structures == len(structures)
    reader = Reader([source])
    entries = [entry for shard in cut([source], size) for entry in reader.read(shard)]
    reader.close()
    assert [entry.index for entry in entries] == list(range(len(structures)))
    assert [entry.record.digest for entry in entries] == [digest_of(atoms) for atoms in structures]
    for entry, atoms in zip(entries, structures, strict=True):
        np.testing.assert_array_equal(entry.record.atoms.positions, atoms.positions)
        assert (entry.record.atoms.pbc == atoms.pbc).all()


@pytest.mark.parametrize("name", ["a.extxyz", "a.extxyz.gz", "a.db", "a.parquet"])
def test_shards_are_read_in_any_order(tmp_path, structures, name):
    FORMATS[name](tmp_path / name, structures)
    source = Source.survey(tmp_path / name)
    reader = Reader([source])
    entries = [entry for shard in reversed(list(cut([source], 13))) for entry in reader.read(shard)]
    reader.close()
    by_number = sorted(entries, key=lambda entry: entry.number)
    assert [entry.record.digest for entry in by_number] == [digest_of(atoms) for atoms in structures]


def sources_of(counts):
    return [Source(f"{n}.db", f"/{n}.db", "database", 1, "", count) for n, count in enumerate(counts)]


@settings(deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=8), st.integers(1, 40))
def test_shards_hold_every_structure_once(counts, size):
    shards = list(cut(sources_of(counts), size))
    found = [
        (piece.source, piece.place + piece.skip + number)
        for shard in shards
        for piece in shard.pieces
        for number in range(piece.count)
    ]
    assert found == [(source, index) for source, count in enumerate(counts) for index in range(count)]
    assert [shard.number for shard in shards] == list(range(len(shards)))
    assert [shard.first for shard in shards] == [size * number for number in range(len(shards))]
    assert all(shard.structures == size for shard in shards[:-1])


@settings(deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=8).filter(lambda counts: sum(counts) > 1))
def test_halves_hold_what_the_whole_does(counts):
    (whole,) = cut(sources_of(counts), sum(counts))

    def ones(shard):
        if shard.structures == 1:
            return [shard]
        return [one for half in shard.halves() for one in ones(half)]

    parts = ones(whole)
    assert [part.first for part in parts] == list(range(sum(counts)))
    places = [(part.pieces[0].source, part.pieces[0].index) for part in parts]
    assert places == [(source, index) for source, count in enumerate(counts) for index in range(count)]


def test_a_file_that_was_written_to_is_not_read_on(tmp_path, structures):
    save(tmp_path / "a.extxyz", structures)
    source = Source.survey(tmp_path / "a.extxyz")
    (shard,) = cut([source], 1000)
    save(tmp_path / "a.extxyz", structures[:-1])
    with pytest.raises(InputFileError, match="was changed"):
        list(Reader([source]).read(shard))
    (tmp_path / "a.extxyz").unlink()
    with pytest.raises(InputFileError, match="No such file"):
        list(Reader([source]).read(shard))


def test_foreign_parquet_needs_numbers_and_positions_only(tmp_path):
    flat = {"numbers": [[1, 1], [2]], "positions": [[0, 0, 0, 0, 0, 0.74], [1, 2, 3]], "other": [1, 2]}
    pq.write_table(pa.table(flat), tmp_path / "flat.parquet")
    source = Source.survey(tmp_path / "flat.parquet")
    (shard,) = cut([source], 10)
    first, second = (entry.record.atoms for entry in Reader([source]).read(shard))
    assert first.get_distance(0, 1) == pytest.approx(0.74)
    assert str(second.symbols) == "He"
    assert not second.pbc.any()


def test_foreign_columns_are_refused(tmp_path):
    pq.write_table(pa.table({"numbers": [[1]], "xyz": [[0.0, 0.0, 0.0]]}), tmp_path / "a.parquet")
    with pytest.raises(InputFileError, match="no column 'positions'"):
        Source.survey(tmp_path / "a.parquet")


@pytest.mark.parametrize("name", ["a.parquet", "a.db", "a.json", "a.extxyz.gz"])
def test_what_is_not_what_its_name_says_is_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"nothing of the kind")
    with pytest.raises(InputFileError) as caught:
        Source.survey(tmp_path / name)
    assert caught.value.who == str(tmp_path / name)


def test_a_row_that_does_not_fit_together_fails_alone(tmp_path):
    table = pa.table({"numbers": [[1], [1, 1], None, [1]], "positions": [[[0.0] * 3]] * 4})
    pq.write_table(table, tmp_path / "a.parquet")
    source = Source.survey(tmp_path / "a.parquet")
    (shard,) = cut([source], 10)
    assert [entry.record.error is None for entry in Reader([source]).read(shard)] == [True, False, False, True]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "more").mkdir()
    for name in ("b.extxyz", "a.extxyz", "more/c.db", "notes.txt", "POSCAR"):
        (tmp_path / name).write_text("")
    return tmp_path


def test_files_of_folders_and_patterns_come_in_order_of_name(folder):
    assert [str(path) for path in find_files(["."])] == ["a.extxyz", "b.extxyz"]
    assert [str(path) for path in find_files(["b.extxyz", "a.*"])] == ["b.extxyz", "a.extxyz"]
    assert [str(path) for path in find_files(["more"])] == ["more/c.db"]


@pytest.mark.parametrize(
    ("words", "error", "text"),
    [
        (["missing.db"], InputFileError, "no such file"),
        (["POSCAR"], InputFileError, "not read in a stream"),
        (["notes.txt"], InputFileError, "ase convert"),
        (["x*.db"], InputFileError, "no such file"),
        (["a.extxyz", "./a.extxyz"], OptionError, "named twice"),
    ],
)
def test_what_is_no_dataset_is_refused(folder, words, error, text):
    with pytest.raises(error, match=text):
        find_files(words)


def test_digests_tell_structures_apart(tools):
    atoms = tools.mixed(1)[0]
    known = {digest_of(atoms)}
    for change in range(7):
        other = atoms.copy()
        if change == 0:
            other.positions[0, 0] = np.nextafter(other.positions[0, 0], 1.0)
        elif change == 1:
            other.numbers[0] += 1
        elif change == 2:
            other.cell[:] = np.eye(3)
        elif change == 3:
            other.pbc[2] = True
        elif change == 4:
            other.info["tag"] = 7
        elif change == 5:
            other.set_tags(range(len(other)))
        else:
            other.set_constraint(FixAtoms([0]))
        known.add(digest_of(other))
    assert len(known) == 8


@pytest.mark.parametrize("name", ["a.xyz", "a.xyz.gz"])
def test_a_mark_of_byte_order_is_passed_over(tmp_path, structures, name):
    save(tmp_path / "plain.xyz", structures)
    opener = gzip.open if name.endswith(".gz") else open
    with opener(tmp_path / name, "wb") as file:
        file.write(b"\xef\xbb\xbf" + (tmp_path / "plain.xyz").read_bytes())
    source = Source.survey(tmp_path / name)
    with closing(Reader([source])) as reader:
        records = [entry.record for shard in cut([source], 70) for entry in reader.read(shard)]
    assert [one.digest for one in records] == [digest_of(atoms) for atoms in structures]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such a name themselves")
def test_a_name_that_is_no_text_is_refused(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.xyz"))
    path.write_bytes(b"1\n\nAr 0 0 0\n")
    with pytest.raises(InputFileError, match=r"caf\\udce9.xyz': its name is not UTF-8"):
        Source.survey(path)


@pytest.mark.parametrize("name", ["a.db", "a.json"])
def test_rows_that_were_deleted_leave_no_gap(tmp_path, structures, name):
    write_database(tmp_path / name, structures)
    with ase.db.connect(tmp_path / name) as database:
        database.delete([1, *range(60, 80), 150])
    left = [atoms for number, atoms in enumerate(structures, 1) if number not in {1, *range(60, 80), 150}]
    source = Source.survey(tmp_path / name)
    entries = [entry for shard in cut([source], 9) for entry in Reader([source]).read(shard)]
    assert [entry.index for entry in entries] == list(range(128))
    assert [entry.record.digest for entry in entries] == [digest_of(atoms) for atoms in left]


@pytest.mark.parametrize("name", ["a.extxyz", "a.parquet"])
def test_words_by_atom_come_along(tmp_path, tools, name):
    atoms = tools.mixed(1)[0]
    atoms.positions = np.round(atoms.positions, 8)
    atoms.set_array("site", np.array(["surface", "bulk", "bulk"]))
    FORMATS[name](tmp_path / name, [atoms])
    source = Source.survey(tmp_path / name)
    (shard,) = cut([source], 1)
    with closing(Reader([source])) as reader:
        (entry,) = reader.read(shard)
    assert entry.record.atoms.arrays["site"].tolist() == ["surface", "bulk", "bulk"]
    assert entry.record.digest == digest_of(atoms)
    atoms.arrays["site"][0] = "bulk"
    assert entry.record.digest != digest_of(atoms)


@pytest.mark.parametrize("name", ["info", "arrays", "constraints"])
def test_columns_of_another_kind_under_our_names_are_refused(tmp_path, name):
    table = pa.table({"numbers": [[1]], "positions": [[[0.0] * 3]], name: [{"charge": 1}]})
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(InputFileError, match=rf"its column '{name}' is struct"):
        Source.survey(tmp_path / "a.parquet")


@pytest.mark.parametrize("field", [5, [1], {"charge": 1}])
def test_fields_that_are_no_text_are_not_taken_for_nothing(field):
    with pytest.raises(TypeError, match="where there should be JSON"):
        content_of_field(field)
    assert [content_of_field(one) for one in (None, "", float("nan"), "{}")] == [None, None, None, {}]
