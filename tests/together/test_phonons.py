"""Phonons of rock salt by a learned potential on the command line, and by forces of a kernel that is a black box."""

import csv
import json

import ase.io
import numpy as np
import pytest
import torch
from ase.build import bulk

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model, differentiate
from alchemi_core.cli.main import main

pytestmark = pytest.mark.usefixtures("prints")  # Warp says on stderr that there is no CUDA driver

TRANSVERSE_OPTICAL = 164.0
"""1/cm at Γ. G. Raunio, L. Almqvist and R. Stedman, Phys. Rev. 178, 1496 (1969), by neutrons at 80 K."""

ENTROPY = 72.13
"""J/(K mol) at 298.15 K. M. W. Chase, NIST-JANAF Thermochemical Tables, 4th edition (1998): NaCl, crystal."""


@pytest.fixture(scope="session")
def imported():
    """What importing the model does to the environment is done."""
    create_model("sevennet")


def test_rock_salt_on_the_command_line(imported, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    ase.io.write("nacl.cif", bulk("NaCl", "rocksalt", a=5.64, cubic=True))
    assert main(["phonons", "nacl.cif", "--model", "sevennet", "--supercell", "2", "2", "2"]) == 0
    printed = capsys.readouterr().out
    assert "primitive cell of 2 atoms, reduced from 8; 2 displacements in a supercell of 64 atoms" in printed
    assert "no imaginary modes" in printed
    assert "no splitting of longitudinal and transverse optical modes" in printed
    folder = tmp_path / "phonons-nacl"
    results = json.loads((folder / "run.json").read_text())["results"]
    acoustic, optical = np.split(np.array(results["frequencies_at_gamma_THz"]), 2)
    np.testing.assert_allclose(acoustic, 0.0, atol=1e-3)
    np.testing.assert_allclose(33.35641 * optical, TRANSVERSE_OPTICAL, rtol=0.1)
    np.testing.assert_allclose(results["entropy_300K_J_per_K_mol"], ENTROPY, rtol=0.05)
    with (folder / "bands.csv").open() as file:
        at_x = [row for row in csv.DictReader(file) if row["point"] == "X"]
    transverse = [[float(row[f"band_{number}_THz"]) for number in (1, 2)] for row in at_x]
    # at X the transverse modes are degenerate, from whichever side it is come to
    np.testing.assert_allclose(np.ptp(transverse), 0.0, atol=1e-6)
    # 3NkT of two atoms, less the quantum correction that is about 4% here: Dulong and Petit
    assert 0.93 < results["heat_capacity_300K_J_per_K_mol"] / (6 * 8.31446) < 1.0


def test_force_constants_of_a_black_box(smooth_d3):
    crystal = Batch.from_ase(bulk("NaCl", "rocksalt", a=5.64))
    found = differentiate(smooth_d3, "force-constants", supercell=(2, 2, 2), displacement=1e-2)(crystal)
    constants = found["force_constants"]
    pipe = PipelineModelWrapper([PipelineGroup([smooth_d3], use_autograd=True)])
    repeated = bulk("NaCl", "rocksalt", a=5.64).repeat(2)
    step = 1e-2
    forces = []
    for sign in (1, -1):
        moved = repeated.copy()
        moved.positions[0, 2] += sign * step
        forces.append(pipe(Batch.from_ase(moved), requested={"forces"})["forces"])
    row = -(forces[0] - forces[1]) / (2 * step)
    # the atom itself, and the sum over all others, whose order is another one in ASE's supercell
    torch.testing.assert_close(constants[0, 0, 2], row[0], rtol=0, atol=2e-6)
    sodium = torch.from_numpy(repeated.numbers == 11)
    torch.testing.assert_close(constants[0, :8, 2].sum(0), row[sodium].sum(0), rtol=0, atol=2e-6)
    torch.testing.assert_close(constants[0, 8:, 2].sum(0), row[~sodium].sum(0), rtol=0, atol=2e-6)
