import csv
import os
import signal
import time

import numpy as np
import pytest
from ase import Atoms, units
from ase.io import read, write

FILES = ["checkpoint.json", "final.extxyz", "log.csv", "md.png", "run.json", "trajectory.extxyz"]
K = 2.0


def stretched():
    """Two atoms at rest, 0.1 Å further apart than their spring likes."""
    return Atoms("H2", [[0, 0, 0], [0, 0, 1.1]], momenta=np.zeros((2, 3)))


def moving(seed=3, scale=0.05):
    """A ring of four atoms with velocities."""
    ring = [[0, 0, 0], [1.02, 0, 0], [1.0, 0.97, 0.1], [0, 1.0, 0]]
    atoms = Atoms("H4", ring)
    atoms.set_momenta(scale * np.random.default_rng(seed).standard_normal((4, 3)))
    return atoms


def crystal():
    atoms = Atoms("H", cell=[1.0, 1.0, 1.0], pbc=True) * (3, 3, 3)
    atoms.set_momenta(0.01 * np.random.default_rng(1).standard_normal((27, 3)))
    return atoms


def steps_of(folder):
    return [frame.info["step"] for frame in read(folder / "trajectory.extxyz", ":")]


def log_of(folder):
    with (folder / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_pair_swings_as_a_pendulum_does(alchemi, here, load):
    atoms = stretched()
    relative = 0.002
    atoms.set_momenta([[0, 0, -relative], [0, 0, relative]])
    write("pair.traj", atoms)
    answer = alchemi("md", "pair.traj", "--model", f"springs(k={K})", "--steps", "200", "--timestep", "0.05")
    assert answer.code == 0, answer.err
    assert sorted(one.name for one in (here / "md-pair").iterdir()) == FILES
    mass = atoms.get_masses()[0]
    omega = np.sqrt(K / (mass / 2))
    t = 200 * 0.05 * units.fs
    expected = 1.0 + 0.1 * np.cos(omega * t) + (relative / (mass / 2)) / omega * np.sin(omega * t)
    final = read("md-pair/final.extxyz")
    assert final.get_distance(0, 1) == pytest.approx(expected, abs=2e-6)
    record = load("md-pair/run.json")
    assert record["conserved_energy_drift_eV_per_atom"] < 1e-6
    assert record["steps"] == 200
    assert record["status"] == "done"
    assert steps_of(here / "md-pair") == list(range(0, 201, 10))
    rows = log_of(here / "md-pair")
    assert float(rows[0]["potential_eV"]) == pytest.approx(0.5 * K * 0.1**2)
    assert float(rows[0]["kinetic_eV"]) == pytest.approx(2 * relative**2 / (2 * mass))
    assert float(rows[-1]["time_fs"]) == pytest.approx(10.0)


@pytest.mark.parametrize("ensemble", ["nve", "nvt"])
def test_velocities_are_drawn_of_the_temperature(alchemi, here, load, ensemble):
    write("gas.xyz", Atoms("Ar500", 10.0 * np.random.default_rng(0).random((500, 3)) + np.arange(500)[:, None] * 20))
    words = ["--ensemble", ensemble, "--temperature", "300", "--steps", "0", "--seed", "5"]
    alchemi("md", "gas.xyz", "--model", "springs", *words)
    momenta = read("md-gas/final.extxyz").get_momenta()
    mass = 39.948
    # Var(p) = m k T; 1500 numbers give it to 1/√750
    assert np.mean(momenta**2) == pytest.approx(mass * units.kB * 300.0, rel=4 / np.sqrt(750))
    np.testing.assert_allclose(momenta.sum(0), 0.0, atol=1e-5)
    assert (float(log_of(here / "md-gas")[0]["temperature_K"]) == pytest.approx(300.0)) is (ensemble == "nve")
    assert load("md-gas/run.json")["settings"]["seed"] == 5


def test_velocities_of_the_file_are_kept(alchemi, here):
    write("ring.traj", moving())
    alchemi("md", "ring.traj", "--model", "springs", "--temperature", "300", "--steps", "0")
    np.testing.assert_allclose(read("md-ring/final.extxyz").get_momenta(), moving().get_momenta(), atol=1e-8)


def test_the_bath_brings_its_temperature(alchemi, here):
    atoms = Atoms("Ar64", np.arange(64)[:, None] * np.ones(3) * 20.0)
    hot = np.sqrt(39.948 * units.kB * 3000.0)
    atoms.set_momenta(hot * np.random.default_rng(0).standard_normal((64, 3)))
    write("hot.traj", atoms)
    options = ["--ensemble", "nvt", "--temperature", "300", "--friction", "0.05", "--timestep", "2", "--seed", "1"]
    answer = alchemi("md", "hot.traj", "--model", "springs", "--steps", "100", "--interval", "100", *options)
    assert answer.code == 0, answer.err
    first, last = (float(row["temperature_K"]) for row in log_of(here / "md-hot"))
    assert first == pytest.approx(3000.0, rel=0.3)
    # e^(−2·0.05·200) of the excess is left; a sample of 192 degrees of freedom scatters by √(2/192)
    assert last == pytest.approx(300.0, rel=4 * np.sqrt(2 / 192))


@pytest.mark.parametrize("barostat", ["isotropic", "full"])
@pytest.mark.parametrize(("pressure", "sign"), [("5", -1), ("-5", 1)])
def test_pressure_changes_the_volume_its_way(alchemi, here, load, barostat, pressure, sign):
    write("solid.traj", crystal())
    options = ["--ensemble", "npt", "--temperature", "10", "--pressure", pressure, "--barostat", barostat]
    words = ["--model", "springs(k=3.0, cutoff=1.2)", "--steps", "60", "--timestep", "0.2", *options]
    answer = alchemi("md", "solid.traj", *words)
    assert answer.code == 0, answer.err
    rows = log_of(here / "md-solid")
    volumes = [float(row["volume_A3"]) for row in rows]
    assert sign * (volumes[-1] - volumes[0]) > 1e-6
    assert load("md-solid/run.json")["conserved_energy_drift_eV_per_atom"] < 1e-5
    kinetic = float(rows[0]["kinetic_eV"])
    # at rest length the springs press nothing: what is left is the ideal gas, 2 E_kin / 3 V
    assert float(rows[0]["pressure_GPa"]) == pytest.approx(2 * kinetic / (3 * 27.0) * 160.2176634, rel=1e-6)


ENSEMBLES = {
    "nve": [],
    "nvt": ["--ensemble", "nvt", "--temperature", "50", "--seed", "7"],
    "npt": ["--ensemble", "npt", "--temperature", "50", "--pressure", "1"],
    "npt full": ["--ensemble", "npt", "--temperature", "50", "--barostat", "full"],
}


def structure_for(ensemble):
    write("start.traj", crystal() if ensemble.startswith("npt") else moving())
    return "start.traj"


def assert_same_end(one, other):
    """The unbroken and the resumed run end at the same place, and wrote the same frames and lines."""
    a, b = (read(folder / "final.extxyz") for folder in (one, other))
    np.testing.assert_allclose(a.positions, b.positions, rtol=0, atol=1e-9)
    np.testing.assert_allclose(a.get_momenta(), b.get_momenta(), rtol=0, atol=1e-9)
    np.testing.assert_allclose(a.cell, b.cell, rtol=0, atol=1e-9)
    assert steps_of(one) == steps_of(other)
    rows, others = log_of(one), log_of(other)
    assert [row["step"] for row in rows] == [row["step"] for row in others]
    for row, another in zip(rows, others, strict=True):
        assert float(row["total_eV"]) == pytest.approx(float(another["total_eV"]), abs=1e-9)


@pytest.mark.parametrize("ensemble", list(ENSEMBLES))
def test_a_run_in_parts_ends_where_a_whole_one_does(alchemi, here, ensemble):
    name = structure_for(ensemble)
    common = ["--model", "springs", "--timestep", "0.3", "--interval", "3", "--checkpoint", "4", *ENSEMBLES[ensemble]]
    assert alchemi("md", name, *common, "--steps", "30", "--out", "whole").code == 0
    assert alchemi("md", name, *common, "--steps", "13", "--out", "parts").code == 0
    answer = alchemi("md", "--resume", "parts", "--steps", "30")
    assert answer.code == 0, answer.err
    assert_same_end(here / "whole", here / "parts")


@pytest.mark.parametrize("ensemble", list(ENSEMBLES))
def test_a_killed_run_goes_on_from_its_last_checkpoint(start, alchemi, here, load, ensemble):
    name = structure_for(ensemble)
    common = ["--timestep", "0.3", "--interval", "2", "--checkpoint", "5", "--steps", "40", *ENSEMBLES[ensemble]]
    process = start("md", name, "--model", "slow-springs(seconds=0.03)", *common, "--out", "killed")
    wait_for_step(here / "killed", process, 13)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    # what a kill in the middle of a write would leave
    with (here / "killed" / "trajectory.extxyz").open("a") as file:
        file.write("4\nProperties=spec")
    assert not (here / "killed" / "final.extxyz").exists()
    assert load("killed/run.json")["status"] == "running"
    answer = alchemi("md", "--resume", "killed")
    assert answer.code == 0, answer.err
    assert alchemi("md", name, "--model", "springs", *common, "--out", "whole").code == 0
    assert_same_end(here / "whole", here / "killed")
    record = load("killed/run.json")
    assert record["status"] == "done"
    assert len(record["parts"]) == 2
    assert record["parts"][1]["from_step"] % 5 == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_writes_a_checkpoint_and_goes_on(start, alchemi, here, load, number, code):
    name = structure_for("nve")
    common = ["--timestep", "0.3", "--interval", "2", "--checkpoint", "1000", "--steps", "40"]
    words = ["md", name, "--model", "slow-springs(seconds=0.03)", *common, "--out", "stopped"]
    with (here / "said.txt").open("w") as said:
        process = start(*words, stdout=said, stderr=said, terminal={"PYTHONUNBUFFERED": ""})
        wait_for_step(here / "stopped", process, 7)
        process.send_signal(number)
        assert process.wait(60) == code
    *lines, last = (here / "said.txt").read_text().splitlines()
    assert last.endswith("go on with: alchemi md --resume stopped"), "what is said stands in the order of its saying"
    assert not any("Traceback" in line for line in lines)
    record = load("stopped/run.json")
    assert record["status"] == "interrupted"
    assert 7 <= record["steps"] < 40
    assert alchemi("md", "--resume", "stopped").code == 0
    assert alchemi("md", name, "--model", "springs", *common, "--out", "whole").code == 0
    assert_same_end(here / "whole", here / "stopped")


def wait_for_step(folder, process, step):
    """Wait until the log of a run has come to a step."""
    log = folder / "log.csv"
    while process.poll() is None:
        if log.exists() and log.read_text().count("\n") - 2 >= step / 2:
            return
        time.sleep(0.005)
    raise AssertionError(process.communicate())


def test_a_finished_run_resumed_changes_nothing(alchemi, here):
    name = structure_for("nve")
    alchemi("md", name, "--model", "springs", "--steps", "20", "--out", "o")
    before = (here / "o" / "trajectory.extxyz").read_bytes(), (here / "o" / "log.csv").read_bytes()
    assert alchemi("md", "--resume", "o").code == 0
    assert ((here / "o" / "trajectory.extxyz").read_bytes(), (here / "o" / "log.csv").read_bytes()) == before


@pytest.mark.parametrize(
    "words", [["--timestep", "2"], ["--model", "springs"], ["--temperature", "5"], ["--steps", "1"], ["--out", "p"]]
)
def test_what_the_run_decides_cannot_be_changed_by_resuming(alchemi, here, words):
    alchemi("md", structure_for("nve"), "--model", "springs", "--steps", "4", "--out", "o")
    answer = alchemi("md", "--resume", "o", *words)
    assert answer.code == 2
    assert words[0].strip("-") in answer.err


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "checkpoint.json").write_text("{}"), "changed after it was written"),
        (lambda folder: (folder / "checkpoint.json").write_text("not json"), "no checkpoint"),
        (lambda folder: (folder / "trajectory.extxyz").write_text(""), "0 bytes"),
        (lambda folder: (folder / "log.csv").unlink(), "0 bytes"),
    ],
)
def test_a_spoilt_folder_is_refused(alchemi, here, spoil, words):
    alchemi("md", structure_for("nve"), "--model", "springs", "--steps", "4", "--out", "o")
    spoil(here / "o")
    answer = alchemi("md", "--resume", "o", "--steps", "8")
    assert answer.code == 2
    assert words in answer.err


def test_a_model_that_fails_leaves_the_last_checkpoint(alchemi, here, load):
    answer = alchemi(
        "md", structure_for("nve"), "--model", "brittle(after=9, own=False)", "--checkpoint", "4", "--out", "o"
    )
    assert answer.code == 3
    assert "the spring broke" in answer.err
    assert "--resume o" in answer.err
    record = load("o/run.json")
    assert (record["status"], record["error"]) == ("failed", "the spring broke")


def test_a_run_that_flies_apart_is_said(alchemi, here, load):
    words = ["--model", "souring(after=9)", "--checkpoint", "4", "--out", "o"]
    answer = alchemi("md", structure_for("nve"), *words)
    assert answer.code == 2
    assert "not finite after step 9" in answer.err
    assert "shorter --timestep than 1 fs" in answer.err
    assert "--resume" not in answer.err
    assert load("o/checkpoint.json")["step"] == 8


def test_atoms_that_meet_on_their_way_ask_for_a_shorter_timestep(alchemi, here):
    words = ["--timestep", "0.7", "--checkpoint", "4", "--out", "o"]
    answer = alchemi("md", structure_for("nve"), "--model", "brittle(after=9)", *words)
    assert answer.code == 2
    assert "the spring broke" in answer.err
    assert "shorter --timestep than 0.7 fs" in answer.err
    assert "--resume" not in answer.err


def test_seeds_make_the_same_run(alchemi, here):
    write("ring.xyz", moving())
    for folder in ("one", "two"):
        words = ["--temperature", "100", "--ensemble", "nvt", "--seed", "3", "--steps", "20", "--out", folder]
        alchemi("md", "ring.xyz", "--model", "springs", *words)
    assert (here / "one" / "trajectory.extxyz").read_text() == (here / "two" / "trajectory.extxyz").read_text()


def test_several_structures_are_refused(alchemi, here):
    write("two.xyz", [moving(), moving()])
    answer = alchemi("md", "two.xyz", "--model", "springs", "--temperature", "5")
    assert answer.code == 2
    assert "two.xyz@0" in answer.err
