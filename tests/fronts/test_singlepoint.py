import numpy as np
import pytest
from ase import Atoms
from ase.io import read, write

GPA = 160.2176634


@pytest.fixture
def files(here):
    """Three dimers in one file, a crystal in another: Hooke's law gives every figure."""
    write("dimers.xyz", [Atoms("HLi", [[0, 0, 0], [0, 0, length]]) for length in (1.1, 1.2, 1.3)])
    write("cube.cif", Atoms("H", cell=[1.2, 1.2, 1.2], pbc=True))
    return here


def rows(answer):
    return [line.split() for line in answer.out.splitlines()[1:]]


def test_every_structure_of_every_file(alchemi, files):
    answer = alchemi("singlepoint", "dimers.xyz", "cube.cif", "--model", "springs(k=2.0)")
    assert answer.code == 0
    assert [row[:2] for row in rows(answer)] == [["dimers.xyz", f"#{n}"] for n in range(3)] + [["cube.cif", "1"]]
    # ½ k (l − 1)², k (l − 1); for the cube three bonds, and −σ = −k (a − 1) / a²
    assert [row[3:5] for row in rows(answer)[:3]] == [
        ["0.010000", "0.200000"],
        ["0.040000", "0.400000"],
        ["0.090000", "0.600000"],
    ]
    assert rows(answer)[3][2:4] == ["0.120000", "0.000000"]
    assert float(rows(answer)[3][4]) == pytest.approx(-2.0 * 0.2 / 1.2**2 * GPA, abs=1e-3)


@pytest.mark.parametrize(
    ("index", "energies"), [("@0", ["0.005000"]), ("@-1", ["0.045000"]), ("@1:3", ["0.020000", "0.045000"])]
)
def test_some_structures_of_a_file(alchemi, files, index, energies):
    answer = alchemi("singlepoint", f"dimers.xyz{index}", "--model", "springs")
    assert [row[-3] for row in rows(answer)] == energies


def test_a_file_whose_name_has_the_sign_in_it(alchemi, files):
    (files / "at@1").write_text((files / "dimers.xyz").read_text())
    answer = alchemi("singlepoint", "at@1", "--format", "extxyz", "--model", "springs")
    assert [row[:2] for row in rows(answer)] == [["at@1", f"#{n}"] for n in range(3)]


def test_energies_per_term_have_columns(alchemi, files):
    answer = alchemi("singlepoint", "dimers.xyz@1", "--model", "springs(k=2.0) + 0.5*springs")
    assert rows(answer)[0][2:5] == ["0.050000", "0.040000", "0.010000"]


def test_results_are_written_where_asked(alchemi, files, load):
    answer = alchemi("singlepoint", "dimers.xyz", "cube.cif", "--model", "springs + springs(k=2)", "--out", "o")
    assert answer.code == 0
    frames = read("o/results.extxyz", ":")
    assert [len(frame) for frame in frames] == [2, 2, 2, 1]
    assert frames[1].get_potential_energy() == pytest.approx(0.5 * 3.0 * 0.04)
    np.testing.assert_allclose(frames[1].get_forces()[:, 2], [0.6, -0.6])
    np.testing.assert_allclose(frames[3].get_stress()[:3], 3.0 * 0.2 / 1.2**2)
    record = load("o/run.json")
    assert record["status"] == "done"
    assert record["results"][1]["energy_per_term_eV"] == pytest.approx({"springs": 0.02, "springs#2": 0.04})
    assert record["versions"]["plugins"]["alchemi-springs"]["version"] == "1.2.3"
    assert [one["file"] for one in record["inputs"]] == ["dimers.xyz", "cube.cif"]
    assert sorted(one.name for one in (files / "o").iterdir()) == ["results.extxyz", "run.json"]


def test_without_a_folder_nothing_is_written(alchemi, files):
    before = sorted(files.iterdir())
    alchemi("singlepoint", "dimers.xyz", "--model", "springs")
    assert sorted(files.iterdir()) == before


def test_one_structure_that_fails_spoils_no_file(alchemi, files):
    answer = alchemi("singlepoint", "dimers.xyz", "--model", "brittle(after=2)", "--out", "o")
    assert answer.code == 2
    assert not (files / "o").exists()


def test_single_precision_is_near(alchemi, files):
    answer = alchemi("singlepoint", "dimers.xyz@1", "--model", "springs", "--dtype", "float32")
    assert float(rows(answer)[0][2]) == pytest.approx(0.02, rel=1e-5)


def test_committees_say_how_far_they_agree(alchemi, here, load):
    write("pair.xyz", Atoms("HLi", [[0, 0, 0], [0, 0, 1.2]]))
    model = "committee(springs(k=2.0), springs(k=4.0, r0=0.9))"
    answer = alchemi("singlepoint", "pair.xyz", "--model", model, "--out", "o")
    assert answer.code == 0, answer.err
    energies, forces = (0.5 * 2.0 * 0.2**2, 0.5 * 4.0 * 0.3**2), (2.0 * 0.2, 4.0 * 0.3)
    energy, force = ((one[1] - one[0]) / 2**0.5 for one in (energies, forces))
    assert "energy ± eV" in answer.out
    assert f"{energy:.6f}" in answer.out
    assert f"{force:.6f}" in answer.out
    frame = read("o/results.extxyz")
    assert frame.info["energy_std"] == pytest.approx(energy)
    np.testing.assert_allclose(frame.arrays["forces_std"], [force, force])
    (record,) = load("o/run.json")["results"]
    assert record["energy_std_eV"] == pytest.approx(energy)
    assert record["max_forces_std_eV_per_A"] == pytest.approx(force)
