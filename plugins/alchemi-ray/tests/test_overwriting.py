"""A run is written over only when none is at work in its folder."""

import fcntl

import pytest
from alchemi_ray.dataset.source import Source
from alchemi_ray.ledger import Ledger

from alchemi_core.errors import OptionError

WORDS = ("data.extxyz", "--model", "lennard-jones", "--shard-size", 4, "--out", "out")


@pytest.fixture
def whole(alchemi, here, tools):
    tools.save("data.extxyz", tools.mixed(8))
    assert alchemi(*WORDS).code == 0
    return here / "out"


def files_of(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_run_at_work_is_not_written_over(alchemi, whole, tools):
    before = files_of(whole)
    with Ledger(whole / "ledger.jsonl"):
        answer = alchemi(*WORDS, "--overwrite")
    assert (answer.code, "another process is at work" in answer.err) == (2, True), answer.err
    assert files_of(whole) == before
    assert alchemi(*WORDS, "--overwrite").code == 0
    tools.check_exactly_once(whole, 8)


def test_the_ledger_is_held_from_the_old_run_to_the_new(alchemi, whole, tools, monkeypatch):
    inode, seen = (whole / "ledger.jsonl").stat().st_ino, []
    begin = "alchemi_ray.cli.map_run.go_on"

    def look(*_, ledger, **__):
        with pytest.raises(OptionError, match="another process is at work"):
            Ledger(whole / "ledger.jsonl")
        seen.append((whole / "ledger.jsonl").read_bytes())
        ledger.close()
        return 0

    monkeypatch.setattr(begin, look)
    assert alchemi(*WORDS, "--overwrite").code == 0
    assert (seen, (whole / "ledger.jsonl").stat().st_ino) == ([b""], inode)


def test_what_is_refused_leaves_the_old_run_as_it_was(alchemi, whole, tools):
    before = files_of(whole)
    assert alchemi("data.extxyz", "--model", "no-such-model", "--out", "out", "--overwrite").code == 2
    assert files_of(whole) == before
    assert alchemi("--resume", "out").code == 0


def test_a_folder_without_a_ledger_is_taken_by_one_run_only(alchemi, whole, tools, monkeypatch):
    (whole / "ledger.jsonl").unlink()
    survey = Source.survey

    def look(path):
        with pytest.raises(OptionError, match="another process is at work"):
            Ledger(whole / "ledger.jsonl")
        return survey(path)

    monkeypatch.setattr(Source, "survey", look)
    assert alchemi(*WORDS, "--overwrite").code == 0
    tools.check_exactly_once(whole, 8)


def test_a_refusal_leaves_no_ledger_behind(alchemi, whole):
    (whole / "ledger.jsonl").unlink()
    before = files_of(whole)
    assert alchemi("data.extxyz", "--model", "no-such-model", "--out", "out", "--overwrite").code == 2
    assert files_of(whole) == before


def test_a_ledger_that_was_removed_before_its_lock_is_not_held(here, monkeypatch):
    lock = fcntl.flock

    def late(file, how):
        (here / "ledger.jsonl").unlink()
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with pytest.raises(OptionError, match="another process is at work"):
        Ledger(here / "ledger.jsonl")
