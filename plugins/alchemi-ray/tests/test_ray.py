"""A real Ray cluster of two workers: the same as in this process, whoever is killed."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

SLOW = "slow(seconds=0.03)"


def actors_of(pid):
    """Return the processes of workers below a process, whose children Ray starts."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = path.read_text().rpartition(")")[2].split()
            title = (path.parent / "cmdline").read_bytes()
        except OSError:
            continue
        parents[int(path.parent.name)] = int(words[1]), title
    return [one for one, (_, title) in parents.items() if title.startswith(b"ray::_Actor") and below(one, pid, parents)]


def below(one, pid, parents):
    while one in parents:
        if one == pid:
            return True
        one = parents[one][0]
    return False


def test_it_equals_the_local_engine_whatever_is_poisoned_or_killed(command, alchemi, here, tools):
    structures = tools.mixed(80)
    structures[3].positions[1, 2] = np.nan
    structures[30].positions[1] = structures[30].positions[0]
    structures[50] = Atoms("Rf2", positions=[[0, 0, 0], [0, 0, 3]])
    structures[71] = Atoms("Rn")
    tools.save("data.extxyz", structures)
    # slow enough for the second worker to be there before the first one has done everything
    model = f"{tools.MODEL} + lethal + slow(seconds=0.2)"
    process = command(
        "data.extxyz", "--model", model, "--shard-size", 2, "--engine", "ray", "--workers", 2, "--out", "out"
    )
    tools.wait_for_workers(here / "out", {"ray-0", "ray-1"}, process)
    os.kill(actors_of(process.pid)[0], signal.SIGKILL)
    answer = tools.finished(process)
    assert answer.code == 1, answer.err
    assert "a worker died at structures" in answer.err
    assert "raylet" not in answer.out + answer.err
    tools.check_exactly_once(here / "out", 80)
    failures = tools.failures_of(here / "out")
    expected = {3: "GeometryError", 30: "GeometryError", 50: "UnsupportedElementError", 71: "WorkerDied"}
    assert {row["number"]: row["error"] for row in failures} == expected
    structures[71] = structures[0]
    tools.save("data.extxyz", structures)
    alchemi("data.extxyz", "--model", f"{tools.MODEL} + lethal + slow(seconds=0.0)", "--out", "local")
    local = [row for row in tools.results_of(here / "local") if row["number"] != 71]
    for one, two in zip(tools.results_of(here / "out"), local, strict=True):
        assert (one["number"], one["digest"]) == (two["number"], two["digest"])
        assert one["energy"] == pytest.approx(two["energy"], abs=1e-10)
        np.testing.assert_allclose(one["forces"], two["forces"], atol=1e-10)


def test_a_killed_driver_takes_its_cluster_along_and_the_run_goes_on(command, alchemi, here, tools):
    tools.save("data.extxyz", tools.mixed(120))
    deep = here / (80 * "x")  # too long for the names of sockets
    deep.mkdir()
    words = ("data.extxyz", "--model", SLOW, "--shard-size", 2, "--engine", "ray", "--workers", 2, "--out", "out")
    process = command(*words, TMPDIR=str(deep))
    tools.wait_for_shards(here / "out", 3, process)
    workers = actors_of(process.pid)
    assert len(workers) == 2
    process.kill()
    process.wait()
    before = tools.ledger_of(here / "out")
    assert 3 <= len(before) < 60
    end = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() < end
        time.sleep(0.1)
    answer = tools.finished(command("--resume", "out", "--engine", "ray", "--workers", 2))
    assert answer.code == 0, answer.err
    tools.check_exactly_once(here / "out", 120)
    assert tools.ledger_of(here / "out")[: len(before)] == before
    alchemi("data.extxyz", "--model", "slow(seconds=0.0)", "--out", "local")
    tools.check_equal(here / "out", here / "local")


@pytest.fixture
def head(tmp_path):
    """A cluster that is there already, which ends with the process that was started for it."""
    environ = {**os.environ, "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1"}
    words = ["start", "--head", "--block", "--port=0", "--num-cpus=2", "--include-dashboard=false"]
    call = [sys.executable, "-m", "ray.scripts.scripts", *words, f"--object-store-memory={100 * 2**20}"]
    process = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environ)
    address = None
    for line in process.stdout:
        if found := re.search(r"--address='([\d.]+:\d+)'", line):
            address = found[1]
            break
    yield address
    process.terminate()
    process.communicate(timeout=60)


def test_it_joins_a_cluster_that_is_there(command, here, tools, head):
    tools.save("data.extxyz", tools.mixed(12))
    words = ("data.extxyz", "--model", tools.MODEL, "--engine", "ray", "--shard-size", 3, "--out", "out")
    answer = tools.finished(command(*words, "--address", head, RAY_AUTH_MODE="disabled"))
    assert answer.code == 0, answer.err
    tools.check_exactly_once(here / "out", 12)
    record = json.loads((here / "out" / "run.json").read_text())
    assert (record["parts"][0]["engine"], record["parts"][0]["workers"]) == ("ray", 2)
