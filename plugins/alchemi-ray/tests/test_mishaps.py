"""What happens around a run: a file edited under it, a log that nobody reads, a disk without any room, no ledger."""

import contextlib
import errno
import json
import os
import sqlite3

import ase.db
import pyarrow.parquet as pq
import pytest
from alchemi_ray.dataset.finding import find_files
from alchemi_ray.dataset.reader import Reader
from alchemi_ray.dataset.shard import cut
from alchemi_ray.dataset.source import Source
from alchemi_ray.engines.addresses import check_address
from alchemi_ray.ledger import Ledger
from alchemi_ray.spec import Spec
from alchemi_ray.unchanged import read_pipeline
from ase import Atoms

from alchemi_core.cli.output_folder import OutputFolder
from alchemi_core.errors import InputFileError, OptionError

ARGON = "lennard-jones"


@pytest.fixture
def dataset(here, tools):
    return tools.save("data.extxyz", tools.mixed(24))


def edited(path):
    """Change a value in place, by which nothing changes its size."""
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE systems SET positions = (SELECT positions FROM systems WHERE id = 40) WHERE id = 90")
    connection.close()


def test_a_database_that_is_edited_during_a_run_is_not_read_on(tmp_path):
    path = tmp_path / "a.db"
    with ase.db.connect(path) as database:
        for number in range(100):
            database.write(Atoms("Ar", positions=[(0.0, 0.0, number)]))
    source = Source.survey(path)
    first, second = cut([source], 50)
    reader = Reader([source])
    assert len(list(reader.read(first))) == 50
    size = path.stat().st_size
    edited(path)
    assert path.stat().st_size == size
    with pytest.raises(InputFileError, match="was changed since the run began"):
        list(reader.read(second))


def test_a_file_that_is_edited_while_a_shard_is_read_fails_the_shard(dataset, here):
    source = Source.survey(here / "data.extxyz")
    (shard,) = cut([source], 100)
    text = (here / "data.extxyz").read_text()
    reader = Reader([source])
    entries = reader.read(shard)
    assert next(entries).index == 0
    (here / "data.extxyz").write_text(text.replace("tag=20", "tag=21"))
    with pytest.raises(InputFileError, match="was changed since the run began"):
        list(entries)
    reader.close()


def test_a_file_that_was_only_touched_is_read_on(dataset, here):
    source = Source.survey(here / "data.extxyz")
    (shard,) = cut([source], 100)
    os.utime(here / "data.extxyz", (1, 1))
    reader = Reader([source])
    assert len(list(reader.read(shard))) == 24
    reader.close()


def test_a_run_is_held_before_it_is_read(alchemi, dataset, here, monkeypatch):
    assert alchemi("data.extxyz", "--model", ARGON, "--out", "out").code == 0
    read, seen = Spec.read, []

    def look(path):
        with pytest.raises(OptionError, match="another process is at work"):
            Ledger(here / "out" / "ledger.jsonl")
        seen.append(path)
        return read(path)

    monkeypatch.setattr(Spec, "read", look)
    assert alchemi("--resume", "out").code == 0
    assert len(seen) == 1
    Ledger(here / "out" / "ledger.jsonl").close()  # let go at the end


def test_a_second_run_is_not_told_to_go_on(alchemi, dataset, here):
    alchemi("data.extxyz", "--model", ARGON, "--out", "out")
    with Ledger(here / "out" / "ledger.jsonl"):
        answer = alchemi("--resume", "out")
    assert answer.code == 2
    assert "another process is at work" in answer.err
    assert "goes on with" not in answer.err


def test_a_log_that_nobody_reads_any_more_does_not_stop_a_run(command, dataset, here, tools):
    process = command("data.extxyz", "--model", "slow(seconds=0.02)", "--shard-size", 2, "--out", "out")
    assert process.stdout.readline()
    process.stdout.close()
    process.stderr.close()
    assert process.wait(240) == 0
    tools.check_exactly_once(here / "out", 24)
    assert json.loads((here / "out" / "run.json").read_text())["status"] == "done"
    process.stdout = process.stderr = None


def test_a_disk_without_any_room_is_named_and_the_way_on_is_told(alchemi, dataset, here, tools, monkeypatch):
    sync, left = os.fsync, [20]

    def full(file):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(file)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        answer = alchemi("data.extxyz", "--model", ARGON, "--shard-size", 2, "--out", "out")
    assert answer.code == 2
    assert "No space left on device" in answer.err
    assert "out/results" in answer.err or "ledger.jsonl" in answer.err
    assert "goes on with: alchemi map --resume out" in answer.err
    assert 0 < len(tools.ledger_of(here / "out")) < 12
    assert alchemi("--resume", "out").code == 0
    tools.check_exactly_once(here / "out", 24)


def test_results_without_a_ledger_are_not_taken_for_leftovers(alchemi, dataset, here):
    alchemi("data.extxyz", "--model", ARGON, "--out", "out")
    ledger = (here / "out" / "ledger.jsonl").read_bytes()
    (here / "out" / "ledger.jsonl").unlink()
    answer = alchemi("--resume", "out")
    assert (answer.code, "results but no ledger.jsonl" in answer.err) == (2, True), answer.err
    assert len(list((here / "out" / "results").iterdir())) == 1
    assert not (here / "out" / "ledger.jsonl").exists()
    (here / "out" / "ledger.jsonl").write_bytes(ledger)
    assert alchemi("--resume", "out").code == 0


def test_a_ledger_of_other_shards_is_refused(alchemi, dataset, here):
    for out, size in (("a", 5), ("b", 7)):
        alchemi("data.extxyz", "--model", ARGON, "--shard-size", size, "--out", out)
    (here / "a" / "ledger.jsonl").write_bytes((here / "b" / "ledger.jsonl").read_bytes())
    answer = alchemi("--resume", "a")
    assert (answer.code, "speaks of 7 structures from number 0 on" in answer.err) == (2, True), answer.err


def test_a_run_that_is_not_done_is_no_dataset(alchemi, dataset, here):
    alchemi("data.extxyz", "--model", ARGON, "--shard-size", 10, "--out", "out")
    (here / "out" / "results" / "000009.parquet").write_bytes(b"of a run that was killed")
    assert [path.name for path in find_files(["out"])] == [f"{number:06d}.parquet" for number in range(3)]
    record = json.loads((here / "out" / "run.json").read_text())
    (here / "out" / "run.json").write_text(json.dumps({**record, "status": "interrupted"}))
    with pytest.raises(InputFileError, match=r"not done, but interrupted[\s\S]*--resume out"):
        find_files(["out"])


def test_files_tell_the_versions_of_the_part_that_made_them(alchemi, dataset, here, monkeypatch):
    alchemi("data.extxyz", "--model", ARGON, "--shard-size", 12, "--out", "out")
    lines = (here / "out" / "ledger.jsonl").read_text().splitlines(keepends=True)
    (here / "out" / "ledger.jsonl").write_text(lines[0])
    monkeypatch.setattr("alchemi_ray.cli.going.versions", lambda: {"alchemi-core": "later"})
    assert alchemi("--resume", "out").code == 0
    first, second = (
        json.loads(pq.read_schema(here / "out" / "results" / f"{number:06d}.parquet").metadata[b"alchemi"])
        for number in (0, 1)
    )
    assert first["versions"]["alchemi-core"] != "later"
    assert second["versions"] == {"alchemi-core": "later"}


def test_drafts_of_a_killed_run_are_removed(alchemi, dataset, here):
    alchemi("data.extxyz", "--model", ARGON, "--out", "out")
    for name in (".run.json.0a1b2c3d.part", ".failures.csv.0a1b2c3d.part", ".notes.txt.0a1b2c3d.part"):
        (here / "out" / name).write_text("half")
    assert alchemi("--resume", "out").code == 0
    assert [path.name for path in (here / "out").glob(".*")] == [".notes.txt.0a1b2c3d.part"]


def test_a_run_that_is_done_has_nothing_left_to_do_and_a_report_again(alchemi, dataset, here):
    alchemi("data.extxyz", "--model", ARGON, "--out", "out", report=True)
    (here / "out" / "report.html").unlink()
    record = json.loads((here / "out" / "run.json").read_text())
    answer = alchemi("--resume", "out", report=True)
    assert (answer.code, "nothing is left to do" in answer.err, "no report" in answer.err) == (0, True, False)
    assert "structures/s" not in answer.out
    assert "</html>" in (here / "out" / "report.html").read_text()
    assert json.loads((here / "out" / "run.json").read_text())["parts"] == record["parts"]


def test_a_run_whose_first_part_never_had_workers_has_a_report(alchemi, dataset, here, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("alchemi_ray.cli.going.crew_of", lambda *_: pytest.fail.Exception)
        assert alchemi("data.extxyz", "--model", ARGON, "--out", "out").code != 0
    parts = json.loads((here / "out" / "run.json").read_text())["parts"]
    assert [part["workers"] for part in parts] == [None]
    answer = alchemi("--resume", "out", report=True)
    assert (answer.code, "no report" in answer.err) == (0, False), answer.err
    assert "0 workers" in (here / "out" / "report.html").read_text()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), ("local", 2)),
        (("--workers", 1), ("local", 1)),
        (("--engine", "local"), ("local", 2)),
    ],
)
def test_a_run_goes_on_with_the_engine_that_it_had(alchemi, dataset, here, words, expected):
    assert alchemi("data.extxyz", "--model", ARGON, "--shard-size", 12, "--workers", 2, "--out", "out").code == 0
    lines = (here / "out" / "ledger.jsonl").read_text().splitlines(keepends=True)
    (here / "out" / "ledger.jsonl").write_text(lines[0])
    assert alchemi("--resume", "out", *words).code == 0
    part = json.loads((here / "out" / "run.json").read_text())["parts"][-1]
    assert (part["engine"], part["workers"]) == expected


def test_the_folder_of_a_run_is_not_taken_and_the_way_on_is_told(alchemi, dataset, here):
    alchemi("data.extxyz", "--model", ARGON, "--out", "out")
    answer = alchemi("data.extxyz", "--model", ARGON, "--out", "out")
    assert (answer.code, "alchemi map --resume out goes on with it" in answer.err) == (2, True), answer.err


@pytest.mark.parametrize("address", ["127.0.0.1:1", "[::1]:1", "no.such.host.invalid:6379", "127.0.0.1:99999"])
def test_an_address_where_nobody_listens_is_refused_before_a_folder_is_made(alchemi, dataset, here, address):
    answer = alchemi("data.extxyz", "--model", ARGON, "--engine", "ray", "--address", address, "--out", "out")
    assert (answer.code, f"nobody listens at {address}" in answer.err) == (2, True), answer.err
    assert not (here / "out").exists()


@pytest.mark.parametrize("address", [None, "auto", "local", "ray://cluster"])
def test_other_addresses_are_for_ray_to_look_up(address):
    check_address(address)


def test_of_two_that_begin_at_once_one_is_refused_before_it_writes(alchemi, dataset, here, monkeypatch):
    make, seen = OutputFolder._make, []

    def late(folder):
        made = make(folder)
        if not seen:
            seen.append(made)
            assert alchemi("data.extxyz", "--model", "lennard-jones(epsilon=0.5)", "--out", "out").code == 0
        return made

    monkeypatch.setattr(OutputFolder, "_make", late)
    answer = alchemi("data.extxyz", "--model", ARGON, "--shard-size", 4, "--out", "out")
    assert (answer.code, "holds a run already" in answer.err) == (2, True), answer.err
    assert json.loads((here / "out" / "run.json").read_text())["model"]["expression"] == "lennard-jones(epsilon=0.5)"
    assert alchemi("--resume", "out").code == 0


def test_another_pipeline_in_the_folder_is_not_computed_with(alchemi, dataset, here, monkeypatch):
    def other(path, digest):
        read_pipeline(path, digest)
        path.write_bytes(path.read_bytes() + b"0")

    alchemi("data.extxyz", "--model", ARGON, "--shard-size", 12, "--out", "out")
    lines = (here / "out" / "ledger.jsonl").read_text().splitlines(keepends=True)
    (here / "out" / "ledger.jsonl").write_text(lines[0])
    monkeypatch.setattr("alchemi_ray.cli.map_run.read_pipeline", other)
    answer = alchemi("--resume", "out")
    assert (answer.code, "the pipeline was changed" in answer.err) == (2, True), answer.err


def test_a_database_with_changes_beside_it_is_refused_and_not_read_on(tmp_path):
    path = tmp_path / "a.db"
    with ase.db.connect(path) as database:
        for _ in range(5):
            database.write(Atoms("Ar"))
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        source = Source.survey(path)
        (shard,) = cut([source], 5)
        assert len(list(Reader([source]).read(shard))) == 5
        connection.execute("DELETE FROM systems WHERE id = 1")
        connection.commit()
        with pytest.raises(InputFileError, match="was changed since the run began"):
            list(Reader([source]).read(shard))
        with pytest.raises(InputFileError, match=r"(?s)a.db-wal.*wal_checkpoint"):
            Source.survey(path)


def test_a_ledger_that_is_no_text_is_damaged(alchemi, dataset, here):
    alchemi("data.extxyz", "--model", ARGON, "--out", "out")
    (here / "out" / "ledger.jsonl").write_bytes(b"\xff\xfe\n")
    answer = alchemi("--resume", "out")
    assert (answer.code, "a line of it cannot be read" in answer.err) == (2, True), answer.err
