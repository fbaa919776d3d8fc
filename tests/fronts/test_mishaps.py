"""What goes wrong around a run: altered checkpoints, full disks, one bad structure of several, early Ctrl-C."""

import json
import os
import resource
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import read, write

from alchemi_core.cli.frames import FrameWriter
from alchemi_core.cli.main import main
from alchemi_core.errors import AlchemiError

RING = [[0, 0, 0], [1.02, 0, 0], [1.0, 0.97, 0.1], [0, 1.0, 0]]


@pytest.fixture
def ring(here):
    momenta = 0.05 * np.random.default_rng(3).standard_normal((4, 3))
    write("ring.traj", Atoms("H4", RING, momenta=momenta))
    return here


@contextmanager
def largest_file(size):
    """Let this process write files up to a size only, as a disk that fills up would.

    The limit ends with the block: held any longer, it would meet whatever file pytest writes its own report to.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


CHANGES = [
    {"state": {}},
    {"step": -1},
    {"step": "a"},
    {"sizes": {}},
    {"dtype": "f"},
    {"device": "zz"},
    {"record": []},
    {"seconds": 0.0},
    {"sha256": None},
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_an_altered_checkpoint_is_refused_and_nothing_touched(alchemi, ring, change):
    assert alchemi("md", "ring.traj", "--model", "springs", "--steps", "4", "--out", "o").code == 0
    path = ring / "o" / "checkpoint.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    before = {one.name: one.read_bytes() for one in (ring / "o").iterdir()}
    answer = alchemi("md", "--resume", "o", "--steps", "8")
    assert answer.code == 2
    assert "changed after it was written" in answer.err
    assert "another --out" in answer.err
    assert {one.name: one.read_bytes() for one in (ring / "o").iterdir()} == before


def test_a_checkpoint_may_be_laid_out_anew(alchemi, ring):
    assert alchemi("md", "ring.traj", "--model", "springs", "--steps", "4", "--out", "o").code == 0
    path = ring / "o" / "checkpoint.json"
    path.write_text(json.dumps(json.loads(path.read_text()), indent=1, sort_keys=True))
    assert alchemi("md", "--resume", "o", "--steps", "8").code == 0


def test_a_new_trajectory_never_cuts_off_one_that_is_there(here):
    Path("t.xyz").write_text("frames")
    with pytest.raises(AlchemiError, match=r"t\.xyz"):
        FrameWriter(Path("t.xyz"))
    assert Path("t.xyz").read_text() == "frames"


def test_a_full_disk_leaves_whole_frames(here):
    with largest_file(1000), FrameWriter(Path("t.xyz")) as writer:
        writer.write("a" * 600)
        with pytest.raises(AlchemiError, match="free space or another --out") as caught:
            writer.write("b" * 600)
    assert caught.value.who == "t.xyz"
    assert Path("t.xyz").read_text() == "a" * 600


def test_a_run_on_a_full_disk_ends_with_a_whole_frame(alchemi, ring):
    words = ["--steps", "200", "--interval", "1", "--checkpoint", "100", "--out", "o"]
    with largest_file(6000):
        answer = alchemi("md", "ring.traj", "--model", "springs", *words)
    assert answer.code == 2
    assert "o/trajectory.extxyz" in answer.err
    assert "free space or another --out" in answer.err
    steps = [frame.info["step"] for frame in read("o/trajectory.extxyz", ":")]
    assert steps == list(range(len(steps)))
    assert len(steps) > 1


@pytest.mark.parametrize("command", ["md", "relax"])
def test_a_disk_without_room_for_one_frame_gets_no_folder(alchemi, ring, command):
    with largest_file(100):
        answer = alchemi(command, "ring.traj", "--model", "springs", "--out", "o")
    assert answer.code == 2
    assert "trajectory.extxyz" in answer.err
    assert [one.name for one in ring.iterdir()] == ["ring.traj"]


@pytest.mark.parametrize("command", ["singlepoint", "relax"])
def test_the_one_bad_structure_of_several_is_named(alchemi, here, command):
    write("two.xyz", [Atoms("H2", [[0, 0, 0], [0, 0, length]]) for length in (1.0, 1.1)])
    answer = alchemi(command, "two.xyz", "--model", "brittle(after=1)")
    assert answer.code == 2
    assert "two.xyz #1: the spring broke" in answer.err


@pytest.mark.parametrize("name", ["three.extxyz", "three.traj"])
@pytest.mark.parametrize("index", [7, 3, -4])
def test_an_index_beyond_the_end_says_how_many_there_are(alchemi, here, name, index):
    write(name, [Atoms("H", [[0, 0, 0]])] * 3)
    answer = alchemi("singlepoint", f"{name}@{index}", "--model", "springs")
    assert answer.code == 2
    assert "holds 3 structures" in answer.err
    assert "--format" not in answer.err


def test_ctrl_c_while_starting_is_one_line(monkeypatch, capsys):
    def interrupted(*_commands):
        raise KeyboardInterrupt

    monkeypatch.setattr("alchemi_core.cli.main.parser", interrupted)
    assert main(["models"]) == 130
    assert capsys.readouterr().err == "alchemi: interrupted\n"


@pytest.mark.parametrize(
    "words", [("models",), ("md", "ring.traj", "--model", "springs", "--steps", "40", "--out", "o")]
)
def test_a_reader_that_goes_away_stops_nothing(start, ring, words):
    process = start(*words)
    assert process.stdout.readline()
    process.stdout.close()
    _, told = process.communicate(timeout=120)
    assert (process.returncode, told) == (0, "")
    if words[0] == "md":
        assert json.loads((ring / "o" / "run.json").read_text())["status"] == "done"


@pytest.mark.parametrize(("streams", "code"), [(">&-", 0), (">&- 2>&-", 0), ("2>&-", 0), (">/dev/full", 2)])
def test_closed_streams_and_full_disks_are_no_defects(site, ring, streams, code):
    environment = {**os.environ, "PYTHONPATH": str(site), "ALCHEMI_PLUGINS": "alchemi-springs"}
    words = f"exec {sys.executable} -m alchemi_core.cli models {streams}"
    done = subprocess.run(["/bin/sh", "-c", words], env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, "Traceback" in done.stderr, "Exception ignored" in done.stderr) == (code, False, False)
    assert ("No space left" in done.stderr) == (code == 2)
