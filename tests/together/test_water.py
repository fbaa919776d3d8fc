"""The composition the design was made for: AIMNet2 and Ewald on one graph, D3 beside, typed on the command line."""

import json

import numpy as np
import pytest
from alchemi_aimnet2.testing import save_random_checkpoint
from ase import Atoms
from ase.build import molecule
from ase.io import read, write

from alchemi_core.cli.main import main

TERMS = ("aimnet2", "ewald", "dftd3")
FMAX = 0.02


def cluster(molecules, edge, seed):
    turns = np.random.default_rng(seed)
    atoms = Atoms(cell=[edge] * 3, pbc=True)
    for place in range(molecules):
        water = molecule("H2O")
        water.rotate(turns.uniform(0, 360), turns.normal(size=3))
        water.translate(3.2 * np.array(np.unravel_index(place, (2, 2, 2))) + 1.5)
        atoms += water
    return atoms


@pytest.fixture
def expression(tmp_path, monkeypatch):
    """Written as a user would, in a folder with a small random checkpoint and two boxes of water."""
    monkeypatch.chdir(tmp_path)
    save_random_checkpoint("small.pt", seed=1)
    write("waters.extxyz", [cluster(2, 8.0, seed=1), cluster(3, 8.5, seed=2)])
    return "[aimnet2(checkpoint='small.pt', coulomb=False, dispersion=False), ewald] + dftd3(functional='wb97m')"


def test_the_plan_prints(expression, capfd):
    assert main(["plan", "--model", expression]) == 0
    printed = capfd.readouterr().out
    assert "charges←[0]" in printed
    assert "forces = −d([0])/dr − (∂[1]/∂charges)(dcharges/dr) + [1] + [2]" in printed


def test_a_batch_of_waters_relaxes(expression, capfd, tmp_path):
    wanted = ["--fix-cell", "--fmax", str(FMAX), "--steps", "200"]
    assert main(["relax", "waters.extxyz", "--model", expression, *wanted]) == 0
    printed = capfd.readouterr().out
    assert all(printed.count(f"  {term} ") >= 2 for term in TERMS)
    folder = tmp_path / "relaxed-waters"
    for number, atoms in enumerate(read(folder / "final.extxyz", ":")):
        run = json.loads((folder / f"{number:04}" / "run.json").read_text())
        start = read(folder / f"{number:04}" / "trajectory.extxyz", 0)
        assert np.abs(atoms.get_forces()).max() < FMAX
        assert atoms.get_potential_energy() < start.get_potential_energy()
        assert sum(run["end"]["energy_per_term_eV"].values()) == pytest.approx(atoms.get_potential_energy(), abs=1e-9)
        assert sorted(run["end"]["energy_per_term_eV"]) == sorted(TERMS)
