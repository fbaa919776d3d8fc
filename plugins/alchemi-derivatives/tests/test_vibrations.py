"""``alchemi vibrations``: what it prints, what it writes, and what it says of structures that are not at rest."""

from __future__ import annotations

import csv
import json
import math

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from alchemi_core.cli.main import main

SPRING = 35.0
HYDROGEN = "restrain-distances(restraints=[{'atoms': (0, 1), 'r0': 0.74, 'k': 35.0}])"
ARGON = "lennard-jones(epsilon=0.0104, sigma=3.4, cutoff=30.0)"
BLACK_BOX = "lennard-jones(epsilon=0.0104, sigma=3.4, cutoff=30.0, derivatives='analytic')"
MINIMUM = 2 ** (1 / 6) * 3.4

STRETCH = 1302.79 * math.sqrt(SPRING / 6.2415091 * 2 / 1.008)
"""√(k/μ) of H₂: 1302.79 cm⁻¹ for 1 mdyn/Å, 6.2415091 eV/Å², and 1 u."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def hydrogen(folder):
    Atoms("H2", positions=[(0, 0, 0), (0, 0, 0.74)]).write("hydrogen.xyz")
    return "hydrogen.xyz"


def pair(distance):
    Atoms("Ar2", positions=[(0, 0, 0), (0, 0, distance)]).write("pair.xyz")
    return "pair.xyz"


def rows_of(folder):
    with (folder / "frequencies.csv").open() as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def results_of(folder):
    return json.loads((folder / "run.json").read_text())["results"]


def test_hydrogen(hydrogen, folder, capsys):
    assert main(["vibrations", hydrogen, "--model", HYDROGEN]) == 0
    printed = capsys.readouterr().out
    assert "second derivatives on the graph" in printed
    assert f" {int(STRETCH)}." in printed
    assert "note" not in printed
    written = folder / "vibrations-hydrogen"
    (row,) = rows_of(written)
    assert row["frequency_per_cm"] == pytest.approx(STRETCH, rel=1e-5)
    assert row["energy_meV"] == pytest.approx(STRETCH / 8.0655439, rel=1e-5)
    results = results_of(written)
    assert results["zero_point_energy_eV"] == pytest.approx(0.5e-3 * row["energy_meV"])
    assert results["at_rest"]
    assert results["method"] == "graph"
    assert len(results["rigid_per_cm"]) == 5
    assert (written / "vibrations.png").read_bytes().startswith(b"\x89PNG")


def test_modes_for_viewers(hydrogen, folder, capsys):
    assert main(["vibrations", hydrogen, "--model", HYDROGEN, "--out", "here"]) == 0
    assert "here" in capsys.readouterr().out
    (frame,) = ase.io.read(folder / "here" / "modes.extxyz", ":")
    np.testing.assert_allclose(
        frame.arrays["vibration"][1], [0, 0, math.copysign(0.3, frame.arrays["vibration"][1, 2])]
    )
    np.testing.assert_allclose(frame.arrays["vibration"][0], -frame.arrays["vibration"][1])
    assert frame.info["mode"] == 1
    first = (folder / "here" / "modes.extxyz").read_text().splitlines()[2].split()
    assert len(first) == 7, "element, position, displacement: what viewers read as a vibration"


def test_a_record_of_the_run(hydrogen, folder, capsys):
    assert main(["vibrations", hydrogen, "--model", HYDROGEN]) == 0
    capsys.readouterr()
    record = json.loads((folder / "vibrations-hydrogen" / "run.json").read_text())
    assert record["status"] == "done"
    assert record["model"]["expression"] == HYDROGEN
    assert any("hessian = d²([0])/dr²" in line for line in record["model"]["plan"])


@pytest.mark.parametrize("method", ["auto", "differences"])
def test_black_boxes(folder, capsys, method):
    """Differences where the graph cannot be, and a line that says why; the curvature of the pair is known."""
    structure = pair(MINIMUM)
    assert main(["vibrations", structure, "--model", BLACK_BOX, "--method", method, "--step", "0.001"]) == 0
    printed = capsys.readouterr().out
    assert "by differences of forces" in printed
    assert ("not on the graph, since step 0 (lennard-jones)" in printed) == (method == "auto")
    curvature = 72 * 0.0104 / MINIMUM**2
    expected = 1302.79 * math.sqrt(curvature / 6.2415091 * 2 / 39.95)
    assert rows_of(folder / "vibrations-pair")[0]["frequency_per_cm"] == pytest.approx(expected, rel=1e-3)


def test_the_graph_alone_is_refused(folder, capsys):
    assert main(["vibrations", pair(MINIMUM), "--model", BLACK_BOX, "--method", "graph"]) == 2
    assert "--method differences" in capsys.readouterr().err
    assert not (folder / "vibrations-pair").exists()


def test_not_at_rest(folder, capsys):
    assert main(["vibrations", pair(3.4), "--model", ARGON]) == 0
    assert "note: not at rest: the largest force is 0.0734 eV/Å" in capsys.readouterr().out
    results = results_of(folder / "vibrations-pair")
    assert not results["at_rest"]
    assert results["max_force_eV_per_A"] == pytest.approx(24 * 0.0104 / 3.4)


def test_imaginary_modes(folder, capsys):
    """As `test_modes` has it in closed form."""
    assert main(["vibrations", pair(4.5), "--model", ARGON]) == 0
    printed = capsys.readouterr().out
    assert "8.217i" in printed
    assert "along which the energy falls" in printed
    assert "smaller --fmax" in printed
    assert results_of(folder / "vibrations-pair")["imaginary_modes"] == 1
    assert rows_of(folder / "vibrations-pair")[0]["frequency_per_cm"] == pytest.approx(-8.2175, abs=1e-3)


def test_relaxing_first(folder, capsys):
    assert main(["vibrations", pair(4.0), "--model", ARGON, "--relax", "--fmax", "1e-6"]) == 0
    printed = capsys.readouterr().out
    assert "relaxed after" in printed
    assert "note" not in printed
    (frame,) = ase.io.read(folder / "vibrations-pair" / "modes.extxyz", ":")
    assert frame.get_distance(0, 1) == pytest.approx(MINIMUM, abs=1e-4)
    relaxed = folder / "vibrations-pair" / "relaxed.extxyz"
    assert ase.io.read(relaxed).get_distance(0, 1) == pytest.approx(MINIMUM, abs=1e-4)
    results = results_of(folder / "vibrations-pair")
    assert results["relaxation"]["converged"]
    assert results["relaxation"]["fmax_eV_per_A"] == 1e-6
    assert main(["vibrations", "pair.xyz", "--model", ARGON, "--out", "vibrations-pair", "--overwrite"]) == 0
    capsys.readouterr()
    assert not relaxed.exists()
    assert results_of(folder / "vibrations-pair")["relaxation"] is None


def test_a_step_that_is_not_used_is_told(hydrogen, folder, capsys):
    assert main(["vibrations", hydrogen, "--model", HYDROGEN, "--step", "0.01"]) == 0
    assert "--step 0.01 was not used" in capsys.readouterr().out
    results = results_of(folder / "vibrations-hydrogen")
    assert results["step_A"] is None
    assert results["formula"] == "H2"


def test_a_molecule_in_a_periodic_box(folder, capsys):
    Atoms("Ar2", positions=[(0, 0, 0), (0, 0, MINIMUM)], cell=[20.0] * 3, pbc=True).write("boxed.extxyz")
    assert main(["vibrations", "boxed.extxyz", "--model", ARGON.replace("30.0", "9.0")]) == 0
    assert "pbc=False" in capsys.readouterr().out


def test_a_crystal(folder, capsys):
    bulk("Ar", cubic=True, a=5.3).write("argon.cif")
    model = "lennard-jones(epsilon=0.0104, sigma=3.4, cutoff=8.0)"
    assert main(["vibrations", "argon.cif", "--model", model, "--dtype", "float32"]) == 0
    printed = capsys.readouterr().out
    assert "3 rigid motions" in printed
    assert "zone centre" in printed
    assert len(rows_of(folder / "vibrations-argon")) == 9


def test_many_modes_are_not_all_printed(folder, capsys):
    bulk("Ar", cubic=True, a=5.3).repeat((2, 2, 2)).write("argon.extxyz")
    model = "lennard-jones(epsilon=0.0104, sigma=3.4, cutoff=5.0)"
    assert main(["vibrations", "argon.extxyz", "--model", model]) == 0
    printed = capsys.readouterr().out
    assert "…" in printed
    assert len(printed.splitlines()) < 80
    assert len(rows_of(folder / "vibrations-argon")) == 93


def test_atoms_held_fixed(folder, capsys):
    from ase.constraints import FixAtoms

    atoms = Atoms("H2", positions=[(0, 0, 0), (0, 0, 0.74)], constraint=FixAtoms([0]))
    atoms.write("held.extxyz", columns=["symbols", "positions", "move_mask"])
    assert ase.io.read("held.extxyz").constraints
    assert main(["vibrations", "held.extxyz", "--model", HYDROGEN]) == 0
    assert "vibrate here like all others" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--fmax", "0.01"], "--relax"),
        (["--step", "0.01", "--method", "graph"], "--method differences"),
        (["--step", "0"], "not above zero"),
        (["--method", "guess"], "invalid choice"),
    ],
)
def test_options_that_cannot_be_right(hydrogen, folder, capsys, options, words):
    try:
        code = main(["vibrations", hydrogen, "--model", HYDROGEN, *options])
    except SystemExit as left:
        code = left.code
    assert code == 2
    assert words in capsys.readouterr().err
    assert not (folder / "vibrations-hydrogen").exists()


def test_one_atom(folder, capsys):
    Atoms("Ar").write("one.xyz")
    assert main(["vibrations", "one.xyz", "--model", ARGON]) == 2
    assert "one atom" in capsys.readouterr().err


def test_help(capsys):
    with pytest.raises(SystemExit) as left:
        main(["vibrations", "--help"])
    assert left.value.code == 0
    printed = capsys.readouterr().out
    assert "--method" in printed
    assert "zero-point energy" in printed
