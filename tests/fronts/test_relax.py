import hashlib
import signal
import time

import numpy as np
import pytest
from ase import Atoms
from ase.io import read, write

FILES = ["final.extxyz", "relax.png", "run.json", "trajectory.extxyz"]


@pytest.fixture
def cube(here):
    """One atom in a cube: springs of length 1 pull the cell to a = 1 Å exactly."""
    write("cube.cif", Atoms("H", cell=[1.2, 1.2, 1.2], pbc=True))
    return here


@pytest.fixture
def dimer(here):
    write("dimer.xyz", Atoms("HLi", [[0, 0, 0], [0, 0, 1.3]]))
    return here


def names(folder):
    return sorted(one.name for one in folder.iterdir())


def test_a_crystal_relaxes_with_its_cell(alchemi, cube, load):
    answer = alchemi("relax", "cube.cif", "--model", "springs(k=2.0)", "--fmax", "1e-6")
    assert answer.code == 0, answer.err
    assert names(cube / "relaxed-cube") == FILES
    final = read("relaxed-cube/final.extxyz")
    np.testing.assert_allclose(final.cell.cellpar(), [1, 1, 1, 90, 90, 90], atol=1e-6)
    assert final.get_potential_energy() == pytest.approx(0.0, abs=1e-8)
    frames = read("relaxed-cube/trajectory.extxyz", ":")
    record = load("relaxed-cube/run.json")
    assert len(frames) == record["convergence"]["steps"] + 1 == len(record["history"])
    assert frames[0].cell[0, 0] == pytest.approx(1.2)
    assert frames[-1].positions == pytest.approx(final.positions)
    assert answer.err == ""


def test_what_the_record_says(alchemi, cube, load):
    alchemi("relax", "cube.cif", "--model", "springs(k=1.5)+0.5*springs(k=1)", "--fmax", "1e-6")
    record = load("relaxed-cube/run.json")
    assert record["status"] == "converged"
    assert record["convergence"]["converged"] is True
    assert record["convergence"]["largest_force_eV_per_A"] < 1e-6
    assert record["command"][:3] == ["alchemi", "relax", "cube.cif"]
    assert record["inputs"][0]["sha256"] == hashlib.sha256((cube / "cube.cif").read_bytes()).hexdigest()
    assert record["model"]["expression"] == "springs(k=1.5)+0.5*springs(k=1)"
    assert record["model"]["citations"] == ["R. Hooke, De potentia restitutiva (1678)"]
    assert any("2 steps" in line for line in record["model"]["plan"])
    assert record["start"]["energy_eV"] == pytest.approx(3 * 0.5 * 2.0 * 0.2**2)
    assert record["start"]["energy_per_term_eV"] == pytest.approx({"springs": 0.09, "springs#2": 0.03})
    assert record["start"]["max_stress_GPa"] == pytest.approx(2.0 * 0.2 / 1.2**2 * 160.2176634)
    assert record["end"]["cell"]["a"] == pytest.approx(1.0, abs=1e-6)
    assert record["settings"] == {
        "fmax": 1e-6,
        "steps": 500,
        "optimizer": "bfgs",
        "fix_cell": False,
        "cell_relaxed": True,
    }
    assert {"python", "torch", "ase", "alchemi-core"} <= set(record["versions"])
    assert record["versions"]["plugins"]["alchemi-springs"]["builds_on"]["numpy"] == np.__version__


def test_progress_is_one_line_per_step_and_the_summary_has_start_and_end(alchemi, cube, load):
    answer = alchemi("relax", "cube.cif", "--model", "springs + springs(k=2)", "--fmax", "1e-4")
    lines = answer.out.splitlines()
    steps = load("relaxed-cube/run.json")["convergence"]["steps"]
    shown = [line.split() for line in lines[3 : 3 + steps + 1]]
    assert [row[0] for row in shown] == [str(n) for n in range(steps + 1)]
    assert shown[0][1:4] == ["0.180000", "0.00000", f"{3.0 * 0.2 / 1.2**2 * 160.2176634:.4f}"]
    rows = {line.split()[0]: line.split() for line in lines[4 + steps :] if line.split()}
    assert rows["a"] == ["a", "Å", "1.2000", "1.0000", "-0.2000"]
    assert rows["volume"] == ["volume", "Å³", "1.728", "1.000", "-0.728"]
    assert rows["springs#2"][:3] == ["springs#2", "eV", "0.120000"]
    assert lines[-1].startswith(f"converged in {steps} steps")


def test_a_molecule_relaxes_without_cell(alchemi, dimer):
    answer = alchemi("relax", "dimer.xyz", "--model", "springs", "--fmax", "1e-5")
    assert answer.code == 0
    final = read("relaxed-dimer/final.extxyz")
    assert final.get_distance(0, 1) == pytest.approx(1.0, abs=1e-5)
    assert not final.pbc.any()
    assert "Å³" not in answer.out


@pytest.mark.parametrize("optimizer", ["bfgs", "lbfgs", "fire"])
def test_every_optimizer_finds_the_rest_length(alchemi, dimer, optimizer):
    assert alchemi("relax", "dimer.xyz", "--model", "springs", "--optimizer", optimizer, "--out", "o").code == 0
    assert read("o/final.extxyz").get_distance(0, 1) == pytest.approx(1.0, abs=0.006)


def test_the_cell_stays_where_asked(alchemi, cube):
    assert alchemi("relax", "cube.cif", "--model", "springs", "--fix-cell").code == 0
    np.testing.assert_allclose(read("relaxed-cube/final.extxyz").cell.lengths(), 1.2)


def test_running_out_of_steps_is_said_and_written(alchemi, dimer, load):
    answer = alchemi("relax", "dimer.xyz", "--model", "springs", "--steps", "1", "--fmax", "1e-9")
    assert answer.code == 1
    assert "not converged after 1 step" in answer.out
    assert names(dimer / "relaxed-dimer") == FILES
    assert load("relaxed-dimer/run.json")["status"] == "not converged"


def test_no_run_writes_over_another(alchemi, dimer):
    for folder in ("relaxed-dimer", "relaxed-dimer-2", "relaxed-dimer-3"):
        assert folder in alchemi("relax", "dimer.xyz", "--model", "springs").out
    before = (dimer / "relaxed-dimer" / "run.json").read_text()
    alchemi("relax", "dimer.xyz", "--model", "springs(k=3)")
    assert (dimer / "relaxed-dimer" / "run.json").read_text() == before


def test_each_of_several_structures_has_a_folder_and_a_line(alchemi, here):
    write("three.xyz", [Atoms("HLi", [[0, 0, 0], [0, 0, length]]) for length in (1.1, 1.2, 1.3)])
    answer = alchemi("relax", "three.xyz", "--model", "springs", "--out", "o")
    assert answer.code == 0
    assert names(here / "o") == ["0000", "0001", "0002", "final.extxyz", "summary.csv"]
    assert names(here / "o" / "0002") == FILES
    assert read("o/0001/trajectory.extxyz@0").get_distance(0, 1) == pytest.approx(1.2)
    table = (here / "o" / "summary.csv").read_text().splitlines()
    assert [line.split(",")[2] for line in table] == ["status", "converged", "converged", "converged"]


def test_steps_before_an_error_are_kept(alchemi, dimer, load):
    answer = alchemi("relax", "dimer.xyz", "--model", "brittle(after=2)", "--fmax", "1e-9")
    assert answer.code == 2
    assert "the spring broke" in answer.err
    assert "relaxed-dimer" in answer.err
    assert len(read("relaxed-dimer/trajectory.extxyz", ":")) == 2
    record = load("relaxed-dimer/run.json")
    assert (record["status"], record["error"]) == ("failed", "the spring broke")
    assert not (dimer / "relaxed-dimer" / "final.extxyz").exists()


def test_an_error_at_the_first_step_leaves_no_folder(alchemi, dimer):
    assert alchemi("relax", "dimer.xyz", "--model", "brittle(after=0)").code == 2
    assert names(dimer) == ["dimer.xyz"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_keeps_what_is_valid(start, dimer, load, number, code):
    process = start(
        "relax", "dimer.xyz", "--model", "slow-springs(k=0.1, seconds=0.05)", "--optimizer", "fire", "--fmax", "1e-12"
    )
    wait_for(dimer / "relaxed-dimer" / "trajectory.extxyz", process, frames=3)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert "Traceback" not in err
    assert "relaxed-dimer" in err
    record = load("relaxed-dimer/run.json")
    assert record["status"] == "interrupted"
    assert len(read("relaxed-dimer/trajectory.extxyz", ":")) == len(record["history"])
    assert "final.extxyz" not in names(dimer / "relaxed-dimer")
    assert not [name for name in names(dimer / "relaxed-dimer") if name.endswith(".part")]


def wait_for(path, process, frames):
    """Wait until a file of two-atom frames has so many of them."""
    while process.poll() is None:
        if path.exists() and path.read_text().count("Lattice") + path.read_text().count("Properties") >= frames:
            return
        time.sleep(0.01)
    raise AssertionError(process.communicate())


def test_atoms_held_fixed_stay(alchemi, here):
    from ase.constraints import FixAtoms

    atoms = Atoms("HLiH", [[0, 0, 0], [0, 0, 1.3], [0, 0, 2.2]], constraint=FixAtoms([0]))
    write("held.traj", atoms)
    assert alchemi("relax", "held.traj", "--model", "springs").code == 0
    final = read("relaxed-held/final.extxyz")
    np.testing.assert_array_equal(final.positions[0], 0.0)
    assert final.get_distance(0, 1) == pytest.approx(1.0, abs=0.01)


def test_the_picture_is_a_picture(alchemi, cube):
    from matplotlib.image import imread

    alchemi("relax", "cube.cif", "--model", "springs")
    pixels = imread("relaxed-cube/relax.png")
    assert min(pixels.shape[:2]) > 400
    assert pixels.std() > 0.05


def test_the_picture_shows_the_cell_only_where_it_changed(alchemi, cube):
    from matplotlib.image import imread

    alchemi("relax", "cube.cif", "--model", "springs", "--out", "free")
    alchemi("relax", "cube.cif", "--model", "springs", "--fix-cell", "--out", "fixed")
    assert imread("free/relax.png").shape[0] > 1.5 * imread("fixed/relax.png").shape[0]


def test_a_long_expression_is_cut_above_the_picture_and_whole_in_the_record(alchemi, dimer, load):
    from alchemi_core.cli.relax_outcome import SUBTITLE

    model = " +\n".join(f"0.1*springs(k={k}.0)" for k in range(1, 11))
    assert len(model) > SUBTITLE
    alchemi("relax", "dimer.xyz", "--model", model)
    assert load("relaxed-dimer/run.json")["model"]["expression"] == model
