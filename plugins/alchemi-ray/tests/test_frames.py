"""Extended XYZ cut into frames: whatever is damaged takes nothing else along, and any frame can be begun at."""

import gzip
import io

import pytest
from alchemi_ray.dataset.frames import frames
from alchemi_ray.dataset.places import STRIDE
from alchemi_ray.dataset.record import Record
from alchemi_ray.dataset.xyz import open_frames, read_frames, record_of, survey_frames
from alchemi_ray.digests import digest_of, digest_of_bytes
from ase import Atoms
from ase.io import read, write
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemi_core.errors import InputFileError

ATOM = b"H 0.0 0.0 0.0\n"


def frame(atoms, comment=b"Properties=species:S:1:pos:R:3"):
    return b"%d\n%s\n" % (atoms, comment) + ATOM * atoms


def cut(content):
    return list(frames(io.BytesIO(content)))


def test_frames_are_what_they_were_written_as():
    whole = [frame(3), frame(1, b"12"), frame(40)]
    assert cut(b"".join(whole)) == whole


def test_blank_lines_before_and_after_frames_do_no_harm():
    assert [len(record_of(one).atoms) for one in cut(b"\n  \n" + frame(2) + b"\n" + frame(1) + b"\n\n")] == [2, 1]


@pytest.mark.parametrize(
    "damaged",
    [
        b"3\nProperties=species:S:1:pos:R:3\n" + ATOM * 2,
        b"3\nProperties=species:S:1:pos:R:3\n" + ATOM * 4,
        b"2\nProperties=species:S:1:pos:R:3\nH 0 0 zero\nH 0 0 1\n",
        b"2\nProperties=species:S:1:pos:R:3\nH 0 0\nH 0 0\n",
        b"1\nProperties=species:S:1:pos:R:3\nXx 0 0 0\n",
        b"1\nProperties=species:S:1:pos:R:3\n\xff\xfe 0 0 0\n",
        b"99999999999\nProperties=species:S:1:pos:R:3\n" + ATOM,
    ],
    ids=["too few atoms", "too many atoms", "no number", "too few columns", "no element", "no text", "a wrong count"],
)
def test_a_damaged_frame_takes_nothing_along(damaged):
    pieces = cut(frame(2) + damaged + frame(5))
    records = [record_of(one) for one in pieces]
    assert [record.atoms and len(record.atoms) for record in records] == [2, None, 5]
    assert isinstance(records[1].error, InputFileError)
    assert records[1].digest == digest_of_bytes(damaged)


def test_rubbish_after_a_frame_belongs_to_that_frame():
    records = [record_of(one) for one in cut(frame(2) + b"what is this\nand that\n" + frame(1))]
    assert [record.error is None for record in records] == [False, True]


def test_a_last_frame_that_was_cut_short_is_one(tmp_path):
    (tmp_path / "a.extxyz").write_bytes(frame(2) + frame(3)[:-20])
    count, _ = survey_frames(tmp_path / "a.extxyz")
    assert count == 2


def test_what_does_not_begin_with_a_count_is_no_such_file(tmp_path):
    (tmp_path / "a.xyz").write_bytes(b"data_global\n_cell 3\n")
    with pytest.raises(InputFileError, match="does not begin with a number of atoms"):
        survey_frames(tmp_path / "a.xyz")


def test_no_frames_are_none(tmp_path):
    (tmp_path / "a.xyz").write_bytes(b"\n")
    assert survey_frames(tmp_path / "a.xyz") == (0, ())


@pytest.mark.parametrize("name", ["many.xyz", "many.xyz.gz"])
@pytest.mark.parametrize("first", [0, 1, STRIDE - 1, STRIDE, 3 * STRIDE + 7])
def test_reading_begins_at_any_frame(tmp_path, name, first):
    whole = b"\n" + b"".join(frame(1 + number % 3, b"n=%d" % number) for number in range(4 * STRIDE))
    (tmp_path / name).write_bytes(gzip.compress(whole) if name.endswith("gz") else whole)
    count, places = survey_frames(tmp_path / name)
    assert (count, len(places)) == (4 * STRIDE, 4)
    with open_frames(tmp_path / name) as stream:
        found = [one.atoms.info["n"] for one in read_frames(stream, places[first // STRIDE], first % STRIDE)]
        again = next(iter(read_frames(stream, places[0], 0)))
    assert found == list(range(first, 4 * STRIDE))
    assert again.atoms.info["n"] == 0


@settings(deadline=None)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_any_line_that_is_lost_costs_one_frame(sizes, random):
    whole = [frame(size) for size in sizes]
    hit = random.randrange(len(sizes))
    lines = whole[hit].splitlines(keepends=True)
    del lines[random.randrange(2, len(lines))]
    whole[hit] = b"".join(lines)
    records = [record_of(one) for one in cut(b"".join(whole))]
    assert [record.atoms is None for record in records] == [number == hit for number in range(len(sizes))]


def test_frames_are_read_as_ase_reads_them(tmp_path):
    rich = Atoms("NaCl", [[0, 0, 0], [0, 0, 2.8]], cell=[5, 6, 7], pbc=[True, False, True])
    rich.info |= {"charge": 1, "name": "salt", "flag": True, "vector": [1.0, 2.0, 3.0]}
    rich.set_initial_charges([1.0, -1.0])
    rich.set_tags([3, 4])
    write(tmp_path / "rich.extxyz", [rich, rich])
    expected = read(tmp_path / "rich.extxyz", 0)
    (first, _) = cut((tmp_path / "rich.extxyz").read_bytes())
    found = record_of(first)
    assert found.atoms == expected
    assert found.digest == digest_of(expected) == Record.of(expected).digest
    assert set(found.atoms.arrays) == set(expected.arrays)
    assert found.atoms.info.keys() == expected.info.keys()


def test_counts_may_stand_anywhere_in_their_lines():
    text = b"".join(f"{count:>40}   \n".encode() + b"n=%d\n" % count + ATOM * count for count in (1, 2, 3))
    assert [len(record_of(one).atoms) for one in frames(io.BytesIO(text))] == [1, 2, 3]


def test_a_large_file_of_another_kind_is_refused_by_its_first_line(tmp_path, monkeypatch):
    (tmp_path / "a.xyz").write_bytes(b"not a count\n" + b"x" * 100)
    monkeypatch.setattr("alchemi_ray.dataset.xyz.frames", lambda _: pytest.fail("it was read further"))
    with pytest.raises(InputFileError, match="does not begin with a number of atoms"):
        survey_frames(tmp_path / "a.xyz")
