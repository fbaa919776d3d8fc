"""Workers on this machine: what ends them, what does not, and that none is left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from alchemi_ray.engines import processes
from ase import Atoms

SLOW = "slow(seconds=0.05)"


def descendants(pid):
    """Return all processes below one."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = {pid}
    for _ in range(5):
        found |= {one for one, parent in parents.items() if parent in found}
    return found - {pid}


def members(group):
    """Return the processes of a group."""
    found = [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/stat")]
    return [pid for pid in found if is_there(pid) and group_of(pid) == group]


def group_of(pid):
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def is_there(pid):
    """Tell whether a process runs, and is no zombie that nobody has asked for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def check_gone(pids):
    end = time.monotonic() + 60
    while left := [pid for pid in pids if is_there(pid)]:
        assert time.monotonic() < end, left
        time.sleep(0.05)


@pytest.fixture
def group(here, request):
    """Start ``alchemi map`` as the leader of a group of processes of its own."""
    environment = request.getfixturevalue("environment_of_commands")
    started = []

    def start(*words):
        call = [sys.executable, "-P", "-m", "alchemi_core.cli", "map", *map(str, words), "--no-report"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(call, **pipes, env=environment, start_new_session=True))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.fixture
def environment_of_commands():
    paths = [str(Path(__file__).parent / "misbehaving"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_all_processes_stops_the_run_between_shards(group, alchemi, here, tools, number):
    tools.save("data.extxyz", tools.mixed(120))
    process = group("data.extxyz", "--model", SLOW, "--shard-size", 3, "--workers", 2, "--out", "out")
    tools.wait_for_workers(here / "out", {"local-0", "local-1"}, process)
    workers = descendants(process.pid)
    os.killpg(process.pid, number)
    answer = tools.finished(process)
    assert (answer.code, "a worker died" in answer.err) == (128 + number, False), answer.err
    assert "alchemi map --resume out" in answer.err
    check_gone(workers)
    lines = tools.ledger_of(here / "out")
    assert {line["attempts"] for line in lines} == {1}
    assert json.loads((here / "out" / "run.json").read_text())["status"] == "interrupted"
    assert alchemi("--resume", "out").code == 0
    tools.check_exactly_once(here / "out", 120)
    assert tools.ledger_of(here / "out")[: len(lines)] == lines


def test_a_model_may_have_processes_of_its_own(group, here, tools):
    """They end when the model ends them, their worker dies of a structure, or the run is killed."""
    structures = tools.mixed(8)
    structures[5] = Atoms("Rn")
    tools.save("data.extxyz", structures)
    process = group("data.extxyz", "--model", "parental", "--shard-size", 2, "--workers", 2, "--out", "out")
    answer = tools.finished(process)
    assert answer.code == 1, answer.err
    assert "a worker died at structures 4 to 5" in answer.err
    tools.check_exactly_once(here / "out", 8)
    assert {row["number"]: row["error"] for row in tools.failures_of(here / "out")} == {5: "WorkerDied"}
    check_gone(members(process.pid))


def test_a_killed_run_leaves_no_process(group, here, tools):
    tools.save("data.extxyz", tools.mixed(120))
    process = group("data.extxyz", "--model", f"{SLOW} + parental", "--shard-size", 2, "--workers", 2, "--out", "out")
    tools.wait_for_workers(here / "out", {"local-0", "local-1"}, process)
    below = descendants(process.pid)
    assert len(below) >= 2
    process.kill()
    process.wait()
    check_gone(below)


class _Connection:
    """Where a worker hears of one shard, and nobody speaks after it."""

    def __init__(self):
        self.sent, self._left = [], ["shard"]

    def send(self, value):
        self.sent.append(value)

    def recv(self):
        if not self._left:
            raise EOFError
        return self._left.pop()


@pytest.mark.parametrize("when", ["load", "work"])
@pytest.mark.parametrize("error", [EOFError("a"), BrokenPipeError("b"), ConnectionResetError("c"), ValueError("d")])
def test_an_error_is_sent_whatever_its_class(monkeypatch, error, when):
    """Such as of weights that end too early: it is not the connection that has ended."""

    class Worker:
        def __init__(self, name, setup):
            self.fail("load")

        def work(self, shard):
            self.fail("work")

        def fail(self, now):
            if now == when:
                raise error

    for name in ("_take_no_signals", "_keep_from_children"):
        monkeypatch.setattr(processes, name, lambda *_: None)
    monkeypatch.setattr(processes.torch, "set_num_threads", lambda _: None)
    monkeypatch.setattr(processes, "ShardWorker", Worker)
    connection = _Connection()
    processes._serve(connection, "local-0", None, 1)
    *before, (kind, told) = connection.sent
    assert before == ([] if when == "load" else [(processes.READY, None)])
    assert (kind, type(told), str(told)) == (processes.ERROR, type(error), str(error))


def test_workers_that_were_begun_end_where_another_cannot_begin(monkeypatch):
    class Member:
        ended: list[str] = []  # noqa: RUF012 - of all of them

        def __init__(self, name, *_):
            if name == "local-2":
                raise OSError("Too many open files")
            self.name = name

        def leave(self):
            pass

        def end(self):
            self.ended.append(self.name)

    monkeypatch.setattr(processes, "_Member", Member)
    with pytest.raises(OSError, match="Too many open files"):
        processes.Processes(None, 4)
    assert Member.ended == ["local-0", "local-1"]
