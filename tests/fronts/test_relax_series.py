"""Several structures in one file: each is relaxed, nothing is lost when one fails, and the whole is told at the end."""

import csv
import signal
import time
from pathlib import Path

import pytest
from ase import Atoms
from ase.constraints import FixAtoms
from ase.io import read, write

FILES = ["final.extxyz", "relax.png", "run.json", "trajectory.extxyz"]
RING = Atoms("H3", [[0, 0, 0], [1.1, 0, 0], [0.5, 0.95, 0]])


def pair(length, symbols="HH", **options):
    return Atoms(symbols, [[0, 0, 0], [0, 0, length]], **options)


@pytest.fixture
def mixed(here):
    """Two pairs, and between them a ring of three."""
    write("mixed.xyz", [pair(1.1), RING, pair(1.3)])
    return here


def names(folder):
    return sorted(one.name for one in Path(folder).iterdir())


def summary(folder):
    with (Path(folder) / "summary.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def statuses(folder):
    return [row["status"] for row in summary(folder)]


def test_all_final_structures_are_in_one_file_with_where_they_come_from(alchemi, mixed):
    answer = alchemi("relax", "mixed.xyz", "--model", "springs", "--fmax", "1e-5")
    assert answer.code == 0
    assert names("relaxed-mixed") == ["0000", "0001", "0002", "final.extxyz", "summary.csv"]
    frames = read("relaxed-mixed/final.extxyz", ":")
    assert [frame.info["relaxed_from"] for frame in frames] == [f"mixed.xyz #{n}" for n in range(3)]
    assert [frame.info["relax_status"] for frame in frames] == ["converged"] * 3
    for frame in frames:
        assert frame.get_potential_energy() == pytest.approx(0.0, abs=1e-8)
        assert frame.get_distance(0, 1) == pytest.approx(1.0, abs=1e-5)
    assert answer.out.splitlines()[-1] == "3 structures: 3 converged; wrote relaxed-mixed"
    assert "2 of 3  mixed.xyz #1: H3, positions, with springs" in answer.out


def test_energies_per_term_of_start_and_end_are_told_of_each(alchemi, here):
    write("pairs.xyz", [pair(1.1), pair(1.2)])
    answer = alchemi("relax", "pairs.xyz", "--model", "springs + 0.5*springs(k=2, r0=1.0)", "--fmax", "1e-6")
    assert answer.code == 0
    # ½ k (l − 1)² with k = 1 each, and nothing at the end
    for row, length in zip(summary("relaxed-pairs"), (1.1, 1.2), strict=True):
        energy = 0.5 * (length - 1.0) ** 2
        assert float(row["start_springs_eV"]) == pytest.approx(energy, abs=1e-6)
        assert float(row["start_springs#2_eV"]) == pytest.approx(energy, abs=1e-6)
        assert float(row["start_energy_eV"]) == pytest.approx(2 * energy, abs=1e-6)
        assert float(row["springs_eV"]) == float(row["energy_eV"]) == 0.0
    table = answer.out.partition("energy per term\n")[2].splitlines()
    assert [line.split() for line in table[1:5]] == [
        [f"#{n}", term, energy, "0.000000", f"-{energy}"]
        for n, energy in enumerate(("0.005000", "0.020000"))
        for term in ("springs", "springs#2")
    ]


def test_one_term_needs_no_energies_per_term(alchemi, mixed):
    assert "per term" not in alchemi("relax", "mixed.xyz", "--model", "springs").out
    assert not [name for name in summary("relaxed-mixed")[0] if "springs" in name]


@pytest.mark.parametrize(("own", "code", "said"), [(True, 2, "mixed.xyz #1: the spring broke"), (False, 3, "defect")])
def test_one_that_fails_on_its_way_is_kept_and_the_others_go_on(alchemi, mixed, load, own, code, said):
    answer = alchemi("relax", "mixed.xyz", "--model", f"picky(after=2, own={own})", "--fmax", "1e-9", "--out", "o")
    assert answer.code == code
    assert said in answer.err
    assert "Traceback" not in answer.err
    assert names("o") == ["0000", "0001", "0002", "final.extxyz", "summary.csv"]
    assert names("o/0001") == ["relax.png", "run.json", "trajectory.extxyz"]
    assert load("o/0001/run.json")["status"] == "failed"
    assert len(read("o/0001/trajectory.extxyz", ":")) == 2
    assert names("o/0002") == FILES
    assert statuses("o") == ["converged", "failed", "converged"]
    assert "the spring broke" in summary("o")[1]["error"]
    assert [frame.info["relaxed_from"] for frame in read("o/final.extxyz", ":")] == ["mixed.xyz #0", "mixed.xyz #2"]
    assert answer.out.splitlines()[-1] == "3 structures: 2 converged, 1 failed; wrote o"


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_one_that_fails_at_once_has_no_folder(alchemi, here, bad):
    write("three.xyz", [pair(1.1, "HLi" if n == bad else "HH") for n in range(3)])
    answer = alchemi("relax", "three.xyz", "--model", "hydrogen", "--out", "o")
    assert answer.code == 2
    assert f"three.xyz #{bad}, hydrogen: it was not made for Li" in answer.err
    good = [n for n in range(3) if n != bad]
    assert names("o") == [*(f"{n:04d}" for n in good), "final.extxyz", "summary.csv"]
    assert statuses("o") == ["failed" if n == bad else "converged" for n in range(3)]
    assert summary("o")[bad]["energy_eV"] == ""


def test_when_all_fail_at_once_there_is_no_folder(alchemi, here):
    write("two.xyz", [pair(1.1, "HLi"), pair(1.2, "HLi")])
    answer = alchemi("relax", "two.xyz", "--model", "hydrogen", "--out", "o")
    assert (answer.code, answer.out) == (2, "")
    assert "two.xyz #0" in answer.err
    assert "two.xyz #1" in answer.err
    assert names(here) == ["two.xyz"]


def test_running_out_of_steps_is_the_code_only_where_nothing_worse_was(alchemi, here):
    write("two.xyz", [pair(1.0), pair(1.3)])
    words = ["--model", "springs", "--steps", "0"]
    assert alchemi("relax", "two.xyz", *words).code == 1
    assert statuses("relaxed-two") == ["converged", "not converged"]
    assert [frame.info["relax_status"] for frame in read("relaxed-two/final.extxyz", ":")] == statuses("relaxed-two")
    write("three.xyz", [pair(1.3), pair(1.3, "HLi")])
    assert alchemi("relax", "three.xyz", "--model", "hydrogen", "--steps", "0").code == 2


def test_what_the_models_cannot_give_is_refused_before_the_first_step(alchemi, here):
    write("two.extxyz", [pair(1.1), Atoms("H", cell=[1.2, 1.2, 1.2], pbc=True)])
    answer = alchemi("relax", "two.extxyz", "--model", "stressless")
    assert (answer.code, answer.out) == (2, "")
    assert "two.extxyz #1" in answer.err
    assert "stress" in answer.err
    assert names(here) == ["two.extxyz"]
    assert alchemi("relax", "two.extxyz", "--model", "stressless", "--fix-cell").code == 0


def test_debug_shows_where_and_the_others_go_on(alchemi, mixed):
    answer = alchemi("relax", "mixed.xyz", "--model", "picky(own=False)", "--debug", "--out", "o")
    assert answer.code == 3
    assert answer.err.count("Traceback") == 1
    assert statuses("o") == ["converged", "failed", "converged"]


def test_a_full_disk_ends_the_series(alchemi, mixed):
    from fronts.test_mishaps import largest_file

    with largest_file(1500):
        answer = alchemi("relax", "mixed.xyz", "--model", "springs", "--fmax", "1e-9", "--optimizer", "fire")
    assert answer.code == 2
    assert answer.err.count("it cannot be written") == 1
    assert "0001" not in answer.err


def test_writing_over_leaves_nothing_of_an_earlier_and_longer_series(alchemi, here):
    write("three.xyz", [pair(1.1), pair(1.2), pair(1.3)])
    words = ["--model", "springs", "--out", "o"]
    assert alchemi("relax", "three.xyz", *words).code == 0
    assert alchemi("relax", "three.xyz@0:2", *words).code == 2
    Path("o/0002/mine.txt").touch()
    assert alchemi("relax", "three.xyz@0:2", *words, "--overwrite").code == 0
    assert names("o/0002") == ["mine.txt"]
    assert len(read("o/final.extxyz", ":")) == len(summary("o")) == 2
    assert alchemi("relax", "three.xyz@0", *words, "--overwrite").code == 0
    assert set(names("o")) - {"0000", "0001", "0002"} == set(FILES)


def test_atoms_held_fixed_stay_in_each(alchemi, here):
    write("held.traj", [pair(1.1, constraint=FixAtoms([0])), pair(1.2, constraint=FixAtoms([1]))])
    assert alchemi("relax", "held.traj", "--model", "springs").code == 0
    assert read("relaxed-held/0000/final.extxyz").positions[0] == pytest.approx([0, 0, 0])
    assert read("relaxed-held/0001/final.extxyz").positions[1] == pytest.approx([0, 0, 1.2])


def test_ctrl_c_in_the_second_keeps_the_first_and_what_the_second_did(start, here, load):
    write("three.xyz", [pair(1.0), pair(1.3), pair(1.2)])
    model = "slow-springs(k=0.1, seconds=0.05)"
    process = start("relax", "three.xyz", "--model", model, "--optimizer", "fire", "--fmax", "1e-12", "--out", "o")
    trajectory = here / "o" / "0001" / "trajectory.extxyz"
    while process.poll() is None and not (trajectory.exists() and trajectory.read_text().count("Properties") >= 3):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err == "alchemi: interrupted; what was done is in o\n"
    assert names("o") == ["0000", "0001", "final.extxyz", "summary.csv"]
    assert statuses("o") == ["converged", "interrupted"]
    assert load("o/0001/run.json")["status"] == "interrupted"
    assert len(read("o/final.extxyz", ":")) == 1
    assert out.splitlines()[-1] == "3 structures: 1 converged, 1 interrupted, 1 not begun; wrote o"


def test_a_reader_who_has_gone_stops_no_series(start, here):
    write("three.xyz", [pair(1.0), pair(1.3), pair(1.2)])
    process = start("relax", "three.xyz", "--model", "slow-springs(seconds=0.01)", "--out", "o")
    assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=120) == 0
    assert process.stderr.read() == ""
    assert len(read("o/final.extxyz", ":")) == 3


def test_structures_of_several_files(alchemi, here):
    for name, r in (("one", 0.9), ("other", 1.2)):
        write(f"{name}.xyz", Atoms("H2", [[0, 0, 0], [0, 0, r]]))
    answer = alchemi("relax", "one.xyz", "other.xyz", "--model", "springs")
    assert answer.code == 0
    assert [line.split()[0] for line in answer.out.splitlines() if "  converged  " in line] == ["one.xyz", "other.xyz"]
    assert len(read("relaxed/final.extxyz", ":")) == 2


def test_an_error_names_the_file_where_each_holds_one_structure(alchemi, here):
    write("good.xyz", Atoms("H2", [[0, 0, 0], [0, 0, 0.9]]))
    write("bad.xyz", Atoms("He2", [[0, 0, 0], [0, 0, 0.9]]))
    answer = alchemi("singlepoint", "good.xyz", "bad.xyz", "--model", "hydrogen")
    assert answer.code == 2
    assert "bad.xyz" in answer.err
