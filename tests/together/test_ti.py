"""``alchemi ti`` as a command: what it writes, how it goes on after any interruption, and what it refuses."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from ase import Atoms, units
from ase.constraints import FixAtoms, FixBondLength
from ase.io import read, write

from alchemi_core import Coupling, create_model
from alchemi_core.cli.main import main
from alchemi_core.cli.ti_pipeline import CoupledCopies, with_slope
from alchemi_core.cli.ti_run import TIRun
from alchemi_core.errors import ModelOutputError

TRIANGLE = [[0.0, 0.0, 0.0], [4.0, 0.0, 0.0], [0.0, 4.0, 0.0]]
QUICK = ["--temperature", "300", "--timestep", "10", "--steps", "40", "--equilibration", "10", "--seed", "7"]


class Killed(BaseException):
    """Stands for SIGKILL: nothing handles it."""


class Answer:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def springs(tmp_path, monkeypatch):
    """A folder with three atoms and a pipeline that makes the springs to their places four times as stiff."""
    monkeypatch.chdir(tmp_path)
    lam = Coupling()
    weak, strong = (create_model("restrain-positions", k=k) for k in (1.0, 4.0))
    ((1 - lam) * weak + lam * strong).save("springs.toml")
    Atoms("Ar3", TRIANGLE).write("three.xyz")
    return tmp_path


@pytest.fixture
def alchemi(springs, capfd):
    """Runs the command inside this process."""

    def run(*words):
        capfd.readouterr()
        try:
            code = main([str(word) for word in words])
        except SystemExit as stop:
            code = stop.code
        return Answer(code, *capfd.readouterr())

    return run


def ti(alchemi, *words, model="springs.toml", structure="three.xyz"):
    return alchemi("ti", structure, "--model", model, *QUICK, *words)


def record(folder):
    return json.loads((folder / "ti.json").read_text(encoding="utf-8"))


def contents(folder):
    """The series and last structures of a run, byte for byte."""
    return {one.name: one.read_bytes() for one in folder.iterdir() if one.suffix in {".csv", ".extxyz"}}


def test_it_writes_series_figures_structures_and_a_picture(alchemi, springs):
    answer = ti(alchemi, "--windows", "3", "--interval", "4")
    assert answer.code == 0, answer.err
    folder = springs / "ti-three"
    names = ["final.extxyz", "ti-checkpoint.json", "ti.json", "ti.png", *(f"window-0{n}.csv" for n in range(3))]
    assert sorted(one.name for one in folder.iterdir()) == names
    assert (folder / "ti.png").read_bytes().startswith(b"\x89PNG")
    found = record(folder)
    assert (found["status"], found["rule"], found["lambdas"]) == ("done", "simpson", [0.0, 0.5, 1.0])
    assert found["settings"]["seed"] == 7
    assert found["model"]["file"] == "springs.toml"
    assert len(found["model"]["sha256"]) == 64
    assert found["inputs"][0]["file"] == "three.xyz"
    assert any("dE_dlambda" in line for line in found["model"]["plan"])
    rows = np.genfromtxt(folder / "window-01.csv", delimiter=",", names=True)
    assert rows.dtype.names == ("step", "time_fs", "dE_dlambda_eV", "energy_eV", "temperature_K")
    assert rows["step"].tolist() == [*range(-8, 41, 4)]
    np.testing.assert_allclose(rows["time_fs"], 10.0 * rows["step"])
    # E = ½ (1 + 3 λ) Σ r² and dE/dλ = 3/2 Σ r²
    np.testing.assert_allclose(rows["energy_eV"], rows["dE_dlambda_eV"] * 2.5 / 3.0, rtol=1e-9)
    counted = rows["dE_dlambda_eV"][rows["step"] > 0]
    window = found["windows"][1]
    assert window["samples"] == len(counted) == 10
    assert window["dE_dlambda_eV"]["mean"] == pytest.approx(counted.mean())
    assert window["half_difference_eV"]["value"] == pytest.approx(counted[5:].mean() - counted[:5].mean())
    means = [one["dE_dlambda_eV"]["mean"] for one in found["windows"]]
    errors = np.array([one["dE_dlambda_eV"]["error"] for one in found["windows"]])
    weights = np.array([1.0, 4.0, 1.0]) / 6.0
    assert found["free_energy_eV"]["value"] == pytest.approx(weights @ means)
    assert found["free_energy_eV"]["error"] == pytest.approx(np.linalg.norm(weights * errors))
    kt = units.kB * 300.0
    assert found["free_energy_kT"]["value"] == pytest.approx(found["free_energy_eV"]["value"] / kt)
    assert found["discretisation_eV"]["against"] == "the trapezoidal rule"
    frames = read(folder / "final.extxyz", ":")
    assert [frame.info["coupling"] for frame in frames] == [0.0, 0.5, 1.0]
    assert not np.allclose(frames[0].positions, TRIANGLE)


def test_the_table_warns_where_a_window_is_too_short(alchemi, springs):
    answer = ti(alchemi, "--windows", "2")
    assert answer.code == 0
    rows = [line for line in answer.out.splitlines() if line.endswith("no plateau: longer")]
    assert len(rows) == 4  # in the table, and below it
    assert "ΔF = " in answer.out
    assert " kT = " in answer.out
    assert len(record(springs / "ti-three")["warnings"]) == 2


def test_a_corner_of_a_weight_is_shown_on_both_sides(alchemi, springs):
    ((1 + Coupling().ramp(0, 0.5)) * create_model("restrain-positions", k=1.0)).save("ramp.toml")
    answer = ti(alchemi, "--windows", "3", model="ramp.toml")
    assert answer.code == 0, answer.err
    cells = [line.split()[0] for line in answer.out.splitlines() if line.startswith(("0.", "1."))]
    assert cells == ["0.0000", "0.5000−", "0.5000+", "1.0000"]
    assert "piece from λ = 0.5 to 1: 0.000000" in answer.out
    assert len(record(springs / "ti-three")["windows"]) == 4
    assert alchemi("ti", "--resume", "ti-three").out.splitlines()[-10:-1] == answer.out.splitlines()[-10:-1]


def test_the_same_seed_gives_the_same_run_and_another_does_not(alchemi, springs):
    for name, more in (("a", []), ("b", []), ("c", ["--seed", "8"])):
        assert ti(alchemi, "--windows", "1", "--rule", "gauss-legendre", "--out", name, *more).code == 0
    assert contents(springs / "a") == contents(springs / "b")
    assert contents(springs / "a")["window-00.csv"] != contents(springs / "c")["window-00.csv"]


def test_windows_side_by_side_are_those_that_run_one_by_one(alchemi, springs):
    for name, count in (("one", 1), ("two", 2)):
        assert ti(alchemi, "--windows", "3", "--at-once", count, "--out", name).code == 0
    one, two = contents(springs / "one"), contents(springs / "two")
    # the first window starts alike in both, the second from elsewhere
    first = [np.loadtxt(springs / name / "window-00.csv", delimiter=",", skiprows=1) for name in ("one", "two")]
    np.testing.assert_allclose(first[0], first[1], rtol=1e-9)
    assert one["window-01.csv"] != two["window-01.csv"]
    assert record(springs / "two")["lambdas"] == [0.0, 0.5, 1.0]
    assert [window["samples"] for window in record(springs / "two")["windows"]] == [8, 8, 8]


@pytest.mark.parametrize(
    ("at_once", "steps", "end"),
    [(1, 75, signal.SIGTERM), (1, 75, None), (2, 30, signal.SIGTERM), (2, 70, None), (1, 3, None)],
)
def test_a_run_that_was_stopped_goes_on_to_the_same_numbers(alchemi, springs, monkeypatch, at_once, steps, end):
    words = ["--windows", "3", "--checkpoint", "20", "--at-once", at_once]
    assert ti(alchemi, *words, "--out", "whole").code == 0
    advance, taken = TIRun.advance, []

    def stopping(self):
        taken.append(1)
        if len(taken) == steps and end is None:
            raise Killed
        if len(taken) == steps:
            signal.raise_signal(end)
        advance(self)

    with monkeypatch.context() as patch:
        patch.setattr(TIRun, "advance", stopping)
        if end is None:
            with pytest.raises(Killed):
                ti(alchemi, *words, "--out", "o")
        else:
            answer = ti(alchemi, *words, "--out", "o")
            assert answer.code == 128 + end
            assert "go on with: alchemi ti --resume o" in answer.err
            assert record(springs / "o")["status"] == "interrupted"
    done = len(record(springs / "o").get("windows", []))
    assert done == steps // 50 * at_once
    names = [f"window-0{number}.csv" for number in range(done)]
    finished = {name: contents(springs / "o")[name] for name in names}
    answer = alchemi("ti", "--resume", "o")
    assert answer.code == 0, answer.err
    after = contents(springs / "o")
    assert {name: after[name] for name in finished} == finished
    assert after == contents(springs / "whole")
    assert [part["from_window"] for part in record(springs / "o")["parts"]] == [0, done]
    figures = ("free_energy_eV", "windows", "running_eV")
    assert {n: record(springs / "o")[n] for n in figures} == {n: record(springs / "whole")[n] for n in figures}


def test_a_process_that_is_killed_leaves_a_run_that_goes_on(alchemi, springs):
    more = ["--steps", "300", "--windows", "2", "--checkpoint", "20"]
    words = ["ti", "three.xyz", "--model", "springs.toml", *QUICK, *more, "--out", "o"]
    command = [sys.executable, "-m", "alchemi_core.cli", *map(str, words)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ.copy())
    checkpoint = springs / "o" / "ti-checkpoint.json"
    while not (checkpoint.exists() and json.loads(checkpoint.read_text())["step"] >= 40):
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert record(springs / "o")["status"] == "running"
    assert alchemi("ti", "--resume", "o").code == 0
    assert ti(alchemi, *more, "--out", "whole").code == 0
    assert contents(springs / "o") == contents(springs / "whole")


def test_a_run_that_is_done_can_be_evaluated_again(alchemi, springs):
    assert ti(alchemi, "--windows", "3", "--out", "o").code == 0
    before = record(springs / "o")
    (springs / "o" / "ti.png").unlink()
    answer = alchemi("ti", "--resume", "o")
    assert answer.code == 0
    assert "ΔF = " in answer.out
    assert (springs / "o" / "ti.png").exists()
    assert record(springs / "o")["windows"] == before["windows"]


def test_another_folder_is_never_written_over_unless_allowed(alchemi, springs):
    assert ti(alchemi, "--windows", "4", "--out", "o").code == 0
    answer = ti(alchemi, "--windows", "2", "--out", "o")
    assert answer.code == 2
    assert "--overwrite" in answer.err
    assert ti(alchemi, "--windows", "2", "--out", "o", "--overwrite").code == 0
    assert sorted(one.name for one in (springs / "o").glob("*.csv")) == ["window-00.csv", "window-01.csv"]


def test_a_file_of_a_window_that_was_cut_is_refused(alchemi, springs):
    assert ti(alchemi, "--windows", "2", "--out", "o").code == 0
    path = springs / "o" / "window-00.csv"
    path.write_bytes(path.read_bytes()[:-10])
    answer = alchemi("ti", "--resume", "o")
    assert answer.code == 2
    assert "window-00.csv" in answer.err
    assert "as the run left it" in answer.err


def test_a_changed_pipeline_or_checkpoint_is_refused(alchemi, springs):
    assert ti(alchemi, "--windows", "2", "--out", "o").code == 0
    pipeline = (springs / "springs.toml").read_text()
    (springs / "springs.toml").write_text(pipeline + "\n")
    assert "changed since the run began" in alchemi("ti", "--resume", "o").err
    (springs / "springs.toml").write_text(pipeline)
    path = springs / "o" / "ti-checkpoint.json"
    path.write_text(path.read_text().replace('"step": 0', '"step": 1'))
    assert "changed after it was written" in alchemi("ti", "--resume", "o").err


def test_atoms_that_are_fixed_stay_and_others_move(alchemi, springs):
    held = Atoms("Ar3", TRIANGLE, constraint=FixAtoms([1]))
    write("held.traj", held)
    assert ti(alchemi, "--windows", "2", "--out", "o", structure="held.traj").code == 0
    ends = np.array([frame.positions for frame in read(springs / "o" / "final.extxyz", ":")])
    np.testing.assert_allclose(ends[:, 1], [TRIANGLE[1]] * 2, atol=1e-8)
    assert (np.abs(ends[:, [0, 2]] - np.array(TRIANGLE)[[0, 2]]).max((1, 2)) > 1e-3).all()


@pytest.mark.parametrize("held", [True, False])
def test_the_centre_of_mass_is_held_where_that_is_asked_and_nowhere_else(alchemi, springs, held):
    assert ti(alchemi, "--windows", "2", "--out", "o", *["--fix-com"] * held).code == 0
    moved = read(springs / "o" / "final.extxyz").get_center_of_mass() - np.mean(TRIANGLE, axis=0)
    assert bool(np.abs(moved).max() < 1e-7) is held
    assert record(springs / "o")["settings"]["fix_com"] is held


def test_reference_positions_of_the_file_come_before_those_of_the_atoms(alchemi, springs):
    atoms = Atoms("Ar3", TRIANGLE)
    atoms.arrays["reference_positions"] = np.add(TRIANGLE, [0.0, 0.0, 1.0])
    atoms.write("moved.extxyz")
    assert ti(alchemi, "--windows", "2", "--out", "o", structure="moved.extxyz").code == 0
    first = np.genfromtxt(springs / "o" / "window-00.csv", delimiter=",", names=True)["energy_eV"][0]
    # ½ k r² of three atoms an Å away, less what they fell in a few steps
    assert first == pytest.approx(1.5, rel=0.35)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["three.xyz", "--model", "springs.toml"], "the bath has no temperature"),
        (["three.xyz", "--temperature", "300"], "--model is missing"),
        (["three.xyz", "--model", "springs.toml", *QUICK, "--windows", "4", "--rule", "simpson"], "--windows 5"),
        (["three.xyz", "--model", "springs.toml", *QUICK, "--lambdas", "0,x"], "0,0.1,0.4,1"),
        (["three.xyz", "--model", "springs.toml", *QUICK, "--lambdas", "1,0"], "ascend"),
        (["three.xyz", "--model", "springs.toml", *QUICK, "--windows", "100000000"], "1000 at most"),
        (
            ["three.xyz", "--model", "springs.toml", *QUICK, "--windows", "101", "--rule", "gauss-legendre"],
            "100 at most",
        ),
        (["three.xyz", "--model", "springs.toml", *QUICK, "--lambdas", ",".join(["0"] * 1001)], "1001 windows"),
        (["three.xyz", "--model", "ramp.toml", *QUICK, "--lambdas", "0,1"], "--lambdas 0,0.5,1"),
        (["three.xyz", "--model", "ramp.toml", *QUICK, "--windows", "2"], "--windows 3"),
        (["three.xyz", "--model", "springs.toml", *QUICK, "--interval", "20"], "40 steps with a value every 20"),
        (["three.xyz", "--model", "springs.toml", *QUICK, "--coupling", "mu"], "nothing depends on"),
        (["three.xyz", "--model", "restrain-positions(k=1.0)", *QUICK], "(1 - coupling)*one + coupling*other"),
        (["two.extxyz", "--model", "springs.toml", *QUICK], "two.extxyz@0"),
        (["bond.traj", "--model", "springs.toml", *QUICK], "atoms fixed or free"),
        (["held.traj", "--model", "springs.toml", *QUICK, "--fix-com"], "one of the two"),
        (["one.xyz", "--model", "springs.toml", *QUICK, "--fix-com"], "nothing can move"),
        (["--resume", "nowhere"], "there is no folder"),
        (["--resume", "."], "there is no checkpoint"),
        (["--resume", ".", "--steps", "5"], "--resume DIR alone"),
    ],
)
def test_bad_input_gets_one_clear_error_and_no_folder(alchemi, springs, words, said):
    atoms = Atoms("Ar3", TRIANGLE)
    write("two.extxyz", [atoms, atoms])
    write("bond.traj", Atoms("Ar3", TRIANGLE, constraint=FixBondLength(0, 1)))
    write("held.traj", Atoms("Ar3", TRIANGLE, constraint=FixAtoms([0])))
    Atoms("Ar", [[0, 0, 0]]).write("one.xyz")
    ((1 + Coupling().ramp(0, 0.5)) * create_model("restrain-positions", k=1.0)).save("ramp.toml")
    before = sorted(springs.iterdir())
    answer = alchemi("ti", *words)
    assert answer.code == 2
    assert said in answer.err
    assert "Traceback" not in answer.err
    assert sorted(springs.iterdir()) == before


def test_atoms_that_fly_apart_say_what_helps(alchemi, springs):
    lam = Coupling()
    soft, hard = create_model("restrain-positions", k=1e-9), create_model("lennard-jones", cutoff=8.5)
    ((1 - lam) * soft + (1 + lam) * hard).save("apart.toml")
    Atoms("Ar2", [[0, 0, 0], [0.5, 0, 0]]).write("close.xyz")
    answer = ti(alchemi, "--windows", "2", "--steps", "400", model="apart.toml", structure="close.xyz")
    assert answer.code == 2
    assert "in a bath of 300 K" in answer.err
    assert "a shorter --timestep than 10 fs" in answer.err
    assert "gauss-legendre" in answer.err


def test_what_is_not_finite_is_never_a_sample():
    lam, atoms = Coupling(), Atoms("Ar3", TRIANGLE)
    springs = with_slope(lam * create_model("restrain-positions", k=1.0), "coupling")
    copies = CoupledCopies(springs, atoms, "coupling", [0.5], dtype=torch.float64, device=torch.device("cpu"))
    assert copies.sample(np.array([TRIANGLE]))[2] == pytest.approx(0.0)
    with pytest.raises(ModelOutputError, match="forces is not finite"):
        copies.forces(np.full((1, 3, 3), np.nan))
