"""Bands, densities of states and thermal properties, and the command that makes and draws them."""

import csv
import json
import re

import ase.io
import numpy as np
import phonopy
import pytest
from alchemi_derivatives.band_path import BandPath
from alchemi_derivatives.lattice_dynamics import as_phonopy
from alchemi_derivatives.phonon_spectrum import PhononSpectrum, mesh_for
from ase import Atoms
from ase.build import bulk, graphene, molecule
from matplotlib.image import imread

from alchemi_core import create_model
from alchemi_core.cli.main import main

EDGE, DEPTH, RANGE, MASS = 3.61, 0.34, 1.36, 63.546
PAIR = {"D": DEPTH, "a": RANGE, "r0": EDGE * 0.5**0.5}
MORSE = f"morse(pairs={{'Cu-Cu': {PAIR}}}, cutoff={0.85 * EDGE})"
LIKE_ARGON = "lennard-jones(cutoff=6.0, switch_on=4.5, epsilon=0.01, sigma=2.3)"
FILES = {"phonons.png", "bands.csv", "dos.csv", "thermal.csv", "phonopy_params.yaml", "run.json"}

TERAHERTZ = np.sqrt(1.602176634e-19 / 1.66053906660e-27) / 1e-10 / (2.0 * np.pi) / 1e12
"""√(eV/Å²/u) as a frequency in THz, by CODATA 2018."""

AT_X = [TERAHERTZ * np.sqrt(times * 2.0 * DEPTH * RANGE**2 / MASS) for times in (4.0, 4.0, 8.0)]
"""Of fcc with springs between nearest neighbors: √(4k/m), twice, and √(8k/m); M. Born and T. von Kármán (1912)."""

GAS, PLANCK, BOLTZMANN = 8.31446261815324, 6.62607015e-34, 1.380649e-23
"""J/(K mol), J s and J/K; exact since 2019."""


def copper(**kind):
    return bulk("Cu", "fcc", a=EDGE, **kind)


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
    """Write a structure, run the command on it, and return exit code, output and folder."""
    monkeypatch.chdir(tmp_path)

    def call(atoms, model, *more):
        ase.io.write("crystal.extxyz", atoms)
        try:
            code = main(["phonons", "crystal.extxyz", "--model", model, *more])
        except SystemExit as leaves:  # argparse, on words it cannot read
            code = leaves.code
        printed = capsys.readouterr()
        return code, printed.out + printed.err, tmp_path / "phonons-crystal"

    return call


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("cubic", [False, True], ids=["primitive", "conventional"])
def test_copper_by_command(run, cubic):
    size = ["--supercell", *(["2"] * 3 if cubic else ["3"] * 3)]
    code, printed, folder = run(copper(cubic=cubic), MORSE, *size, "--displacement", "2e-4", "--points", "120")
    assert code == 0
    assert {path.name for path in folder.iterdir()} == FILES
    assert ("reduced from 4" in printed) == cubic
    assert "no imaginary modes" in printed
    assert "warning" not in printed
    record = json.loads((folder / "run.json").read_text())
    assert record["results"]["displacement_A"] == 2e-4
    assert record["results"]["warnings"] == []
    assert any("10.1088/1361-648X/acd831" in one for one in record["model"]["citations"])
    assert "longitudinal" not in printed
    at_x = [row for row in rows(folder / "bands.csv") if row["point"] == "X"]
    assert len(at_x) == 3
    for row in at_x:
        found = [float(row[f"band_{band}_THz"]) for band in (1, 2, 3)]
        np.testing.assert_allclose(found, AT_X, rtol=1e-6)
    picture = imread(folder / "phonons.png")
    assert picture.shape[0] > 600
    assert picture[..., :3].std() > 0.05


def test_what_is_printed(run):
    code, printed, _ = run(copper(), MORSE, "--supercell", "2", "2", "2", "--mesh", "8", "8", "8")
    assert code == 0
    assert "Cu: cell as given; 1 displacement in a supercell of 8 atoms" in printed
    (acoustic,) = (line.split() for line in printed.splitlines() if line.startswith("acoustic"))
    assert acoustic[1:] == ["3", "0.000", "0.0"]
    assert "per mole of Cu" in printed
    for name in ("zero-point energy", "free energy at 300 K", "entropy at 300 K", "heat capacity at 300 K"):
        assert name in printed


def test_phonopy_goes_on_with_its_file(run):
    _, _, folder = run(bulk("Mg", "hcp", a=2.6, c=4.2), LIKE_ARGON, "--supercell", "2", "2", "1")
    again = phonopy.load(folder / "phonopy_params.yaml", log_level=0)
    (gamma,) = again.run_qpoints([[0.0, 0.0, 0.0]]).frequencies
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "done"
    np.testing.assert_allclose(gamma, record["results"]["frequencies_at_gamma_THz"], atol=1e-5)
    assert record["results"]["supercell_matrix"] == [[2, 0, 0], [0, 2, 0], [0, 0, 1]]


def test_thermal_limits_and_number_of_states():
    """At high temperature C = 3R (1 − ⟨x²⟩/12 + …), x = hν/kT, by expanding Einstein's function; Dulong and Petit."""
    phonon = as_phonopy(
        create_model("morse", pairs={"Cu-Cu": PAIR}, cutoff=0.85 * EDGE),
        copper(),
        supercell=(2, 2, 2),
        displacement=2e-4,
    )
    path = BandPath.of(phonon.primitive.cell, [True] * 3, 60)
    spectrum = PhononSpectrum.of(phonon, path, (12, 12, 12))
    # ⟨ω²⟩ is the trace of the force constants of one atom: 12 springs, each along one direction
    mean_square = 12.0 * 2.0 * DEPTH * RANGE**2 / MASS * TERAHERTZ**2 / 3.0
    x_squared = (PLANCK * 1e12 / (BOLTZMANN * spectrum.temperatures[-1])) ** 2 * mean_square / (1.0 - 12.0**-3)
    expected = 3.0 * GAS * (1.0 - 12.0**-3) * (1.0 - x_squared / 12.0)
    np.testing.assert_allclose(spectrum.heat_capacity[-1], expected, rtol=2e-4)
    assert spectrum.heat_capacity[0] == 0.0
    np.testing.assert_allclose(np.trapezoid(spectrum.density, spectrum.points), 3.0, rtol=0.01)
    slope = np.gradient(spectrum.free_energy, spectrum.temperatures)[50] * 1e3
    np.testing.assert_allclose(-slope, spectrum.entropy[50], rtol=1e-3)
    np.testing.assert_allclose(spectrum.free_energy[0], spectrum.zero_point_energy, rtol=1e-9)


def test_imaginary_modes_are_said_plainly(run):
    cube = Atoms("Ne", cell=[2.55] * 3, pbc=True)
    code, printed, folder = run(cube, LIKE_ARGON, "--supercell", "4", "4", "4", "--mesh", "8", "8", "8")
    assert code == 0
    assert "imaginary modes down to" in printed
    results = json.loads((folder / "run.json").read_text())["results"]
    assert results["imaginary_modes"] is True
    assert results["lowest_frequency_THz"] < -0.5
    assert f"{-results['lowest_frequency_THz']:.3f}i THz" in printed


def test_crystals_that_are_not_at_rest(run):
    crystal = bulk("NeAr", "rocksalt", a=4.4, cubic=True)
    crystal.rattle(0.01, seed=1)
    code, printed, _ = run(crystal, LIKE_ARGON, "--supercell", "1", "1", "1", "--mesh", "2", "2", "2")
    assert code == 0
    assert "warning: forces up to" in printed
    assert "warning: stress up to" in printed
    assert "no splitting of longitudinal and transverse optical modes" in printed


def test_a_layer(run):
    layer = graphene(a=2.75)
    layer.pbc = (True, True, False)
    code, printed, folder = run(layer, LIKE_ARGON, "--supercell", "3", "3", "1", "--mesh", "9", "9", "1")
    assert code == 0
    assert "6 THz" not in printed
    points = rows(folder / "bands.csv")
    assert {row["point"] for row in points} >= {"Γ", "M", "K"}
    assert {row["q_3"] for row in points} == {"0.00000000"}


@pytest.mark.parametrize(
    ("atoms", "more", "said"),
    [
        (molecule("H2O"), [], "not periodic"),
        (copper(), ["--supercell", "2", "2"], "--supercell 2 2 2"),
        (copper(), ["--supercell", "0", "2", "2"], "supercell=\\[0, 2, 2\\]"),
        (copper(), ["--displacement", "-1"], "not above zero"),
        (copper(), ["--supercell", "2", "2", "2", "--length", "9"], "not allowed with"),
    ],
)
def test_bad_input(run, atoms, more, said):
    code, printed, folder = run(atoms, LIKE_ARGON, *more)
    assert code == 2
    assert re.search(said, printed)
    assert not folder.exists()


CONVENTIONAL = EDGE * np.eye(3)
PRIMITIVE = EDGE / 2.0 * (1.0 - np.eye(3))
ROTATED = PRIMITIVE @ np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]


@pytest.mark.parametrize(
    "cell",
    [PRIMITIVE, -PRIMITIVE, PRIMITIVE[[1, 0, 2]], ROTATED, [[1, 1, 0], [0, 1, 0], [0, 0, 1]] @ PRIMITIVE],
    ids=["as usual", "left-handed", "exchanged", "rotated", "skewed"],
)
def test_the_path_is_that_of_the_lattice_whatever_the_setting(cell):
    path = BandPath.of(cell, [True] * 3, 200)
    assert path.lattice == "face-centred cubic"
    names = {line.start: line.qpoints[0] for line in path.lines}
    lengths = {name: np.linalg.norm(np.linalg.inv(cell) @ q) * EDGE for name, q in names.items()}
    # W. Setyawan and S. Curtarolo, Comput. Mater. Sci. 49, 299 (2010), table of fcc, in units of 2π/a
    expected = {"Γ": 0.0, "X": 1.0, "W": np.sqrt(1.25), "K": np.sqrt(1.125), "L": np.sqrt(0.75), "U": np.sqrt(1.125)}
    assert lengths == pytest.approx(expected, abs=1e-9)
    assert [name for _, name in path.ticks] == ["Γ", "X", "W", "K", "Γ", "L", "U", "W", "L", "K|U", "X"]
    assert path.ticks[1][0] == pytest.approx(1.0 / EDGE)
    assert sum(len(line.qpoints) for line in path.lines) == pytest.approx(200, abs=20)


def test_the_path_of_what_ase_knows_none_for():
    wire = BandPath.of(np.diag([20.0, 20.0, 3.0]), [False, False, True], 10)
    assert all(line.start == "Γ" and not line.qpoints[:, :2].any() for line in wire.lines)
    np.testing.assert_allclose(wire.lines[-1].qpoints[-1], [0.0, 0.0, 0.5])


def test_a_mesh_is_as_dense_as_its_length_says():
    assert mesh_for(np.diag([3.0, 6.0, 20.0]), [True, True, False], 60.0) == (20, 10, 1)
    assert mesh_for(PRIMITIVE, [True] * 3, 60.0) == (round(60.0 * np.sqrt(3.0) / EDGE),) * 3
