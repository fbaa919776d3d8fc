import numpy as np
import pytest
from ase import Atoms
from ase.io import read, write

from alchemi_core.cli import plots
from alchemi_core.cli.contributions import Share
from alchemi_core.cli.contributions_plot import plot_contributions

GPA = 160.2176634
MODEL = "springs(k=2.0) + 0.5*springs(k=4.0, r0=0.9) + wells"
STEPS = ["springs", "springs#2", "wells"]


@pytest.fixture
def files(here):
    """A dimer along z, one of whose atoms is at the origin, and a cube: Hooke's law gives every figure."""
    write("dimer.xyz", Atoms("HLi", [[0, 0, 0], [0, 0, 1.2]]))
    write("cube.cif", Atoms("H", cell=[1.2, 1.2, 1.2], pbc=True))
    return here


def figures(answer, structure):
    """Return the figures of each step of a structure."""
    rows = [line.split() for line in answer.out.splitlines()[1:]]
    return {row[1]: row[2:] for row in rows if row[0] == structure}


def test_each_step_has_a_line_and_the_total_is_the_last(alchemi, files):
    answer = alchemi("singlepoint", "dimer.xyz", "--model", MODEL, "--contributions")
    assert answer.code == 0, answer.err
    rows = figures(answer, "dimer.xyz")
    assert list(rows) == [*STEPS, "total"]
    # ½ k (l − r0)² and k (l − r0); the wells, ½ r² about the origin, pull at the second atom only
    energies = {"springs": 0.04, "springs#2": 0.09, "wells": 0.72, "total": 0.85}
    longest = {"springs": 0.4, "springs#2": 0.6, "wells": 1.2, "total": 2.2}
    mean_squares = {"springs": 0.16, "springs#2": 0.36, "wells": 1.44 / 2, "total": (1.0 + 2.2**2) / 2}
    for step, cells in rows.items():
        expected = [energies[step], energies[step] / 2, longest[step], np.sqrt(mean_squares[step])]
        assert [float(cell) for cell in cells[:4]] == pytest.approx(expected, abs=1e-6)
        assert cells[4] == "–"


def test_pressures_add_up(alchemi, files):
    model = "springs(k=2.0) + 0.5*springs(k=4.0, r0=0.9)"
    rows = figures(alchemi("singlepoint", "cube.cif", "--model", model, "--contributions"), "cube.cif")
    expected = [-GPA * 2.0 * 0.2 / 1.2**2, -GPA * 0.5 * 4.0 * 0.3 / 1.2**2]
    assert [float(rows[step][4]) for step in rows] == pytest.approx([*expected, sum(expected)], abs=1e-3)


def test_contributions_are_kept_where_asked_and_read_back(alchemi, files, load):
    words = ["--model", MODEL, "--contributions", "--out", "o"]
    answer = alchemi("singlepoint", "dimer.xyz", *words)
    assert answer.code == 0, answer.err
    assert sorted(one.name for one in (files / "o").iterdir()) == ["contributions.png", "results.extxyz", "run.json"]
    assert "contributions.png" in answer.out
    (frame,) = read("o/results.extxyz", ":")
    along_z = {"forces_springs": [0.4, -0.4], "forces_springs_2": [0.6, -0.6], "forces_wells": [0.0, -1.2]}
    for name, expected in along_z.items():
        np.testing.assert_allclose(frame.arrays[name][:, 2], expected, atol=1e-7)
    np.testing.assert_allclose(sum(frame.arrays[name] for name in along_z), frame.get_forces(), atol=1e-7)
    assert frame.info["energy_springs_2"] == pytest.approx(0.09)
    one = load("o/run.json")["results"][0]["contributions"]
    assert [part["step"] for part in one] == STEPS
    assert one[1]["rms_force_eV_per_A"] == pytest.approx(0.6)
    assert one[1]["stress_GPa"] is None


def test_stresses_are_kept_in_the_order_of_ase(alchemi, files, load):
    write("slab.traj", Atoms("HLi", [[2, 2, 2], [2.3, 2.5, 3.0]], cell=[5, 6, 7], pbc=True))
    alchemi("singlepoint", "slab.traj", "--model", "springs + springs(k=3)", "--contributions", "--out", "o")
    frame = read("o/results.extxyz")
    np.testing.assert_allclose(frame.info["stress_springs"] * 4.0, frame.get_stress(), rtol=1e-6)
    np.testing.assert_allclose(frame.info["stress_springs_2"], 3.0 * frame.info["stress_springs"], rtol=1e-12)
    part = load("o/run.json")["results"][0]["contributions"][0]
    np.testing.assert_allclose(part["stress_GPa"], GPA * frame.info["stress_springs"], rtol=1e-12)


def test_labels_that_would_be_one_name_stay_apart(alchemi, files):
    model = "springs(name='a-b') + springs(name='a.b', k=2.0)"
    answer = alchemi("singlepoint", "dimer.xyz", "--model", model, "--contributions", "--out", "o")
    assert answer.code == 0, answer.err
    frame = read("o/results.extxyz")
    assert [frame.info[name] for name in ("energy_a_b", "energy_a_b_")] == pytest.approx([0.02, 0.04])
    assert {"forces_a_b", "forces_a_b_"} <= set(frame.arrays)


def test_what_an_earlier_run_drew_goes_when_its_folder_is_written_over(alchemi, files):
    alchemi("singlepoint", "dimer.xyz", "--model", "springs", "--contributions", "--out", "o")
    alchemi("singlepoint", "dimer.xyz", "--model", "springs", "--out", "o", "--overwrite")
    assert sorted(one.name for one in (files / "o").iterdir()) == ["results.extxyz", "run.json"]


def test_an_expression_may_be_longer_than_a_file_name(alchemi, files):
    answer = alchemi("singlepoint", "dimer.xyz", "--model", " + ".join(["springs(k=1.0)"] * 20))
    assert answer.code == 0, answer.err


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """Draws contributions of so many structures and returns the figure; each step adds its number, in eV."""

    def draw(formulas, steps=("one", "two")):
        kept = []
        monkeypatch.setattr(plots, "save", lambda figure, path: kept.append(figure))
        shares = [
            [
                Share(label, 1, n + 0.1 * i, np.full((1, 3), float(n)), None)
                for n, label in enumerate((*steps, "total"), 1)
            ]
            for i in range(len(formulas))
        ]
        plot_contributions(tmp_path / "x.png", [f"s{i}" for i in range(len(formulas))], formulas, shares, "model")
        return kept[0]

    return draw


def lengths(axes):
    return sorted(patch.get_width() for patch in axes.patches)


def ticks(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


def test_the_bars_of_one_structure_are_named_by_the_steps(drawn):
    figure = drawn(["NaCl"])
    energy, forces = figure.axes
    assert ticks(energy) == ["one", "two", "total"]
    assert lengths(energy) == pytest.approx([1.0, 2.0, 3.0])
    assert lengths(forces) == pytest.approx(np.sqrt(3.0) * np.array([1.0, 2.0, 3.0]))
    assert {text.get_text() for text in energy.texts} == {"1.00", "2.00", "3.00"}


def test_few_structures_have_bars_of_their_own(drawn):
    figure = drawn(["NaCl", "NaCl", "MgO"])
    assert ticks(figure.axes[0]) == ["s0", "s1", "s2"]
    assert len(lengths(figure.axes[0])) == 9
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["one", "two", "total"]


def test_many_structures_are_gathered_by_composition(drawn):
    figure = drawn(["NaCl", "MgO"] * 20)
    assert ticks(figure.axes[0]) == ["NaCl  (20)", "MgO  (20)"]
    assert lengths(figure.axes[0]) == pytest.approx(sorted(n + 0.1 * m for n in (1, 2, 3) for m in (19.0, 20.0)))
    assert len(figure.axes[0].patches) == 6


def test_many_compositions_are_one_distribution(drawn):
    figure = drawn([f"Li{n}O" for n in range(100)])
    energy = figure.axes[0]
    assert ticks(energy) == ["one", "two", "total"]
    # quartiles of 0, 0.1, ..., 9.9
    assert lengths(energy) == pytest.approx([4.95] * 3)
    assert "quartiles" in figure.texts[0].get_text()


def test_forces_that_symmetry_makes_vanish_are_zero(alchemi, files, monkeypatch):
    kept = []
    monkeypatch.setattr(plots, "save", lambda figure, path: kept.append(figure))
    alchemi("singlepoint", "cube.cif", "--model", "springs", "--contributions", "--out", "o")
    assert {text.get_text() for text in kept[0].axes[1].texts} == {"0"}


def test_the_picture_is_a_picture(alchemi, files):
    alchemi(
        "singlepoint", "dimer.xyz", "cube.cif", "--model", "springs + springs(k=2)", "--contributions", "--out", "o"
    )
    assert (files / "o" / "contributions.png").read_bytes().startswith(b"\x89PNG")
