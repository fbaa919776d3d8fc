"""Runs that were stopped, killed or out of room go on where they were, or say why not: nothing lost, nothing twice."""

import json
import os
import resource
import shutil
import signal
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from alchemi_ray.ledger import Ledger
from ase import Atoms

from alchemi_core.expressions import build_expression, parse_expression
from alchemi_core.registry import default_registry

SLOW = "slow(seconds=0.02)"
ARGON = "lennard-jones"


@pytest.fixture
def dataset(here, tools):
    return tools.save("data.extxyz", tools.mixed(120))


def long_chain():
    """A structure whose shard is too large for the disk, where those of others are not."""
    positions = 0.3 * np.random.default_rng(1).standard_normal((800, 3))
    positions[:, 0] += 4.0 * np.arange(800)
    return Atoms("Ar800", positions=positions)


@contextmanager
def largest_file(size):
    """Let this process write files up to a size only, as a disk that fills up would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_killed_workers_and_a_killed_run_cost_nothing(command, alchemi, dataset, here, tools):
    process = command("data.extxyz", "--model", SLOW, "--shard-size", 2, "--workers", 2, "--out", "out")
    tools.wait_for_shards(here / "out", 2, process)
    os.kill(workers_of(process.pid)[-1], signal.SIGKILL)
    tools.wait_for_shards(here / "out", 8, process)
    workers = workers_of(process.pid)
    process.kill()
    _, told = process.communicate()
    assert "a worker died at structures" in told
    before = tools.ledger_of(here / "out")
    assert 8 <= len(before) < 60
    assert json.loads((here / "out" / "run.json").read_text())["status"] == "running"
    check_gone(workers)
    answer = alchemi("--resume", "out")
    assert answer.code == 0, answer.err
    tools.check_exactly_once(here / "out", 120)
    lines = tools.ledger_of(here / "out")
    assert lines[: len(before)] == before
    assert max(line["attempts"] for line in lines) == 2
    parts = json.loads((here / "out" / "run.json").read_text())["parts"]
    assert [part["ended"] is None for part in parts] == [True, False]
    assert parts[1]["structures"] == 120 - sum(line["structures"] for line in before)
    alchemi("data.extxyz", "--model", SLOW, "--shard-size", 50, "--out", "whole")
    tools.check_equal(here / "out", here / "whole")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_says_how_to_go_on(command, alchemi, dataset, here, tools, number, code):
    process = command("data.extxyz", "--model", SLOW, "--shard-size", 3, "--out", "out")
    tools.wait_for_shards(here / "out", 2, process)
    process.send_signal(number)
    answer = tools.finished(process)
    assert (answer.code, "alchemi map --resume out" in answer.err) == (code, True), answer.err
    record = json.loads((here / "out" / "run.json").read_text())
    done = sum(line["structures"] for line in tools.ledger_of(here / "out"))
    assert (record["status"], record["totals"]["done"]) == ("interrupted", done)
    assert 0 < done < 120
    assert (here / "out" / "failures.csv").exists()
    answer = alchemi("--resume", "out")
    assert answer.code == 0, answer.err
    tools.check_exactly_once(here / "out", 120)
    record = json.loads((here / "out" / "run.json").read_text())
    assert (record["status"], [part["structures"] for part in record["parts"]]) == ("done", [done, 120 - done])


def workers_of(pid):
    """Return the workers of a process, without the one that looks after shared resources."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(one) for one in found if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()]


def check_gone(pids):
    """No worker outlives the one who asked for long."""
    end = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_structure_that_no_worker_survives_is_found(alchemi, here, tools):
    structures = tools.mixed(8)
    structures[5] = Atoms("Rn")
    tools.save("data.extxyz", structures)
    answer = alchemi("data.extxyz", "--model", "lethal", "--shard-size", 2, "--workers", 2, "--out", "out")
    assert answer.code == 1, answer.err
    tools.check_exactly_once(here / "out", 8)
    (row,) = tools.failures_of(here / "out")
    assert (row["number"], row["source"], row["index"], row["error"]) == (5, "data.extxyz", 5, "WorkerDied")
    assert [line["attempts"] for line in tools.ledger_of(here / "out") if line["shard"] == 2] == [5]


def test_workers_that_never_get_ready_end_the_run(alchemi, dataset):
    answer = alchemi("data.extxyz", "--model", "broken", "--workers", 2, "--out", "out")
    assert (answer.code, "while they loaded the pipeline" in answer.err) == (2, True), answer.err


def test_a_full_disk_is_one_error_and_the_run_goes_on(alchemi, here, tools):
    structures = tools.mixed(30)
    structures[20] = long_chain()
    tools.save("data.extxyz", structures)
    words = ("data.extxyz", "--model", ARGON, "--shard-size", 4)
    with largest_file(30_000):
        answer = alchemi(*words, "--out", "out")
    assert answer.code == 2
    assert "File too large" in answer.err
    assert "alchemi map --resume out" in answer.err
    done = tools.ledger_of(here / "out")
    assert [line["shard"] for line in done] == [0, 1, 2, 3, 4]
    assert sorted(path.name for path in (here / "out" / "results").iterdir()) == [f"{n:06d}.parquet" for n in range(5)]
    record = json.loads((here / "out" / "run.json").read_text())
    assert (record["status"], "File too large" in record["error"]) == ("failed", True)
    answer = alchemi("--resume", "out")
    assert answer.code == 0, answer.err
    tools.check_exactly_once(here / "out", 30)
    alchemi(*words, "--out", "whole")
    tools.check_equal(here / "out", here / "whole")


@pytest.mark.parametrize("size", [0, 1000, 3000, 6000, 10_000])
def test_a_disk_that_is_full_anywhere_leaves_a_folder_to_go_on_in_or_none(alchemi, dataset, here, tools, size):
    with largest_file(size):
        answer = alchemi("data.extxyz", "--model", ARGON, "--shard-size", 4, "--out", "out")
    assert answer.code == 2
    assert "File too large" in answer.err
    if (here / "out").exists():
        assert alchemi("--resume", "out").code == 0
        tools.check_exactly_once(here / "out", 120)
    assert not list(here.rglob("*.part"))


def test_a_ledger_that_cannot_grow_takes_its_shard_back(alchemi, dataset, here, tools):
    """Files of results are small here, the ledger is what becomes too large."""
    tools.save("data.extxyz", [Atoms("Ar", info={"tag": number}) for number in range(200)])
    with largest_file(20_000):
        answer = alchemi("data.extxyz", "--model", ARGON, "--shard-size", 2, "--out", "out")
    assert (answer.code, "ledger.jsonl" in answer.err) == (2, True), answer.err
    text = (here / "out" / "ledger.jsonl").read_text()
    assert text.endswith("}\n")
    done = len(tools.ledger_of(here / "out"))
    assert 10 < done < 100
    assert len(list((here / "out" / "results").iterdir())) == done
    assert alchemi("--resume", "out").code == 0
    tools.check_exactly_once(here / "out", 200)


@pytest.fixture
def stopped(alchemi, here, tools):
    """A run of which five shards of eight are done."""
    structures = tools.mixed(30)
    structures[20] = long_chain()
    tools.save("data.extxyz", structures)
    with largest_file(30_000):
        alchemi("data.extxyz", "--model", ARGON, "--shard-size", 4, "--out", "out")
    assert len(tools.ledger_of(here / "out")) == 5
    return here / "out"


def change_dataset(folder):
    text = (folder.parent / "data.extxyz").read_text()
    (folder.parent / "data.extxyz").write_text(text.replace("tag=7 ", "tag=8 "))


def change_json(name, *keys):
    def change(folder):
        value = json.loads((folder / name).read_text())
        inner = value
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = 0.5 if isinstance(inner[keys[-1]], float) else "other"
        (folder / name).write_text(json.dumps(value))

    return change


def change_pipeline(folder):
    content = bytearray((folder / "pipeline.alchemi").read_bytes())
    content[-1] ^= 1
    (folder / "pipeline.alchemi").write_bytes(bytes(content))


def lose_results(folder):
    (folder / "results" / "000001.parquet").unlink()


def repeat_a_line(folder):
    lines = (folder / "ledger.jsonl").read_text().splitlines(keepends=True)
    (folder / "ledger.jsonl").write_text("".join([*lines, lines[0]]))


CHANGES = {
    "dataset": (change_dataset, "data.extxyz: it was changed since the run began"),
    "no dataset": (lambda folder: (folder.parent / "data.extxyz").unlink(), "not there any more"),
    "pipeline": (change_pipeline, "the pipeline was changed"),
    "task": (change_json("run.json", "task"), "run.json: it does not fit"),
    "outputs": (change_json("run.json", "outputs"), "run.json: it does not fit"),
    "dtype": (change_json("shards.json", "settings", "dtype"), "shards.json: it was changed"),
    "sources": (change_json("shards.json", "sources", 0, "source"), "shards.json: it was changed"),
    "no record": (lambda folder: (folder / "run.json").unlink(), "run.json: it does not fit"),
    "no results": (lambda folder: shutil.rmtree(folder / "results"), "missing, or not as the run left it"),
    "one result": (lose_results, "000001.parquet: it is missing"),
    "ledger": (lambda folder: (folder / "ledger.jsonl").write_text("{}\n"), "ledger.jsonl: a line of it"),
    "twice": (repeat_a_line, "a shard stands in it twice"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_another_run_is_not_gone_on_with(alchemi, stopped, here, name):
    change, text = CHANGES[name]
    change(stopped)
    before = {path: path.read_bytes() for path in stopped.rglob("*") if path.is_file()}
    answer = alchemi("--resume", "out")
    assert (answer.code, text in answer.err) == (2, True), answer.err
    after = {path: path.read_bytes() for path in stopped.rglob("*") if path.is_file()}
    assert {path: content for path, content in after.items() if path.name != "ledger.jsonl"} == {
        path: content for path, content in before.items() if path.name != "ledger.jsonl"
    }


def test_a_model_file_that_was_changed_is_not_gone_on_with(alchemi, dataset, here):
    alchemi_toml = here / "model.toml"
    build_expression(parse_expression(ARGON), default_registry()).save(alchemi_toml)
    assert alchemi("data.extxyz", "--model", "model.toml", "--out", "out").code == 0
    alchemi_toml.write_text(alchemi_toml.read_text() + "\n# another one\n")
    assert "was changed since the run began" in alchemi("--resume", "out").err


def test_what_a_killed_run_left_is_removed(alchemi, stopped, here, tools):
    """Files of a shard without a line, drafts, and half a line do not count."""
    (stopped / "results" / "000006.parquet").write_bytes(b"half")
    (stopped / "results" / ".000007.parquet.12ab.part").write_bytes(b"half")
    (stopped / "failures" / "000006.parquet").write_bytes(b"half")
    with (stopped / "ledger.jsonl").open("a") as file:
        file.write('{"shard": 5, "first": 2')
    assert alchemi("--resume", "out").code == 0
    tools.check_exactly_once(stopped, 30)


def test_two_at_once_are_one_too_many(alchemi, stopped, tools):
    with Ledger(stopped / "ledger.jsonl"):
        answer = alchemi("--resume", "out")
    assert (answer.code, "another process is at work" in answer.err) == (2, True), answer.err
    assert alchemi("--resume", "out").code == 0
    tools.check_exactly_once(stopped, 30)


def test_a_run_that_is_done_stays_as_it_is(alchemi, dataset, here, tools):
    alchemi("data.extxyz", "--model", ARGON, "--out", "out")
    before = tools.ledger_of(here / "out")
    assert alchemi("--resume", "out", "--workers", 2).code == 0
    assert tools.ledger_of(here / "out") == before
