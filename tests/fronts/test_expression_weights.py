"""Weights that depend on λ, and committees, as expressions on the command line: Hooke's law gives every figure."""

import json

import numpy as np
import pytest
from ase import Atoms
from ase.io import read, write
from fronts.spring_models import Springs

from alchemi_core import Coupling
from alchemi_core.ase import AlchemiCalculator
from alchemi_core.errors import DataError

SWITCH = "(1 - coupling)*springs + coupling*springs(k=4.0)"
MEMBERS = "committee(springs, springs + springs(k=2.0), calibration=2.0)"


def dimer(r=1.2, **info):
    return Atoms("HLi", [[0, 0, 0], [0, 0, r]], info=info)


@pytest.fixture
def file(here):
    write("dimers.extxyz", [dimer(coupling=0.25), dimer(1.1, coupling=1.0)])
    return here


def test_the_plan_shows_the_weights(alchemi, here):
    answer = alchemi("plan", SWITCH, "--outputs", "energy")
    assert answer.code == 0, answer.err
    assert "coupling [B,1]" in answer.out
    assert "energy = (1 − coupling)·[0] + coupling·[1]" in answer.out


def test_the_parameter_of_a_structure_is_read_with_it(alchemi, file):
    answer = alchemi("singlepoint", "dimers.extxyz", "--model", SWITCH, "--out", "o")
    assert answer.code == 0, answer.err
    first, second = read("o/results.extxyz", ":")
    # ½ (1 + 3 λ) (r − 1)²
    assert first.get_potential_energy() == pytest.approx(0.5 * 1.75 * 0.04)
    assert second.get_potential_energy() == pytest.approx(0.5 * 4.0 * 0.01)
    assert first.get_forces()[0, 2] == pytest.approx(1.75 * 0.2)


@pytest.mark.parametrize(
    ("info", "words"), [({}, "coupling=0.5 in the line above the atoms"), ({"coupling": "half"}, "is 'half'")]
)
def test_a_structure_without_the_parameter(alchemi, here, info, words):
    write("dimer.extxyz", dimer(**info))
    answer = alchemi("singlepoint", "dimer.extxyz", "--model", SWITCH)
    assert answer.code == 2
    assert words in answer.err


def test_the_calculator_notices_another_parameter():
    mix, atoms = Coupling("mix"), dimer(coupling=0.0, mix=0.5)
    atoms.calc = AlchemiCalculator((1 - Coupling()) * Springs() + mix * Springs(k=4.0))
    assert atoms.get_potential_energy() == pytest.approx(0.5 * (1.0 + 2.0) * 0.04)
    atoms.info["mix"] = np.float64(1.0)
    assert atoms.get_potential_energy() == pytest.approx(0.5 * (1.0 + 4.0) * 0.04)
    atoms.positions[1, 2] = 1.1
    atoms.info["coupling"] = 1
    assert atoms.get_potential_energy() == pytest.approx(0.5 * 4.0 * 0.01)
    del atoms.info["mix"]
    with pytest.raises(DataError, match="coupling parameter 'mix' is not there"):
        atoms.get_potential_energy()


@pytest.mark.parametrize("value", [True, float("nan"), [0.5], None])
def test_a_parameter_that_is_no_number(value):
    atoms = dimer(coupling=value)
    atoms.calc = AlchemiCalculator(Coupling() * Springs())
    with pytest.raises(DataError, match="info\\['coupling'\\] is"):
        atoms.get_potential_energy()


@pytest.mark.parametrize("model", [SWITCH, MEMBERS])
def test_saved_files_declare_the_same(alchemi, file, model):
    for name in ("p.toml", "p.alchemi", "q.toml"):
        assert alchemi("save", name, "--model", model if name[0] == "p" else "p.alchemi").code == 0
    assert alchemi("diff", "p.toml", "p.alchemi").code == 0
    assert alchemi("diff", "q.toml", model).code == 0
    written = alchemi("save", "--as", "expression", "--model", "p.alchemi").out.strip()
    assert written == model.replace("1 -", "1.0 -")
    outs = {alchemi("singlepoint", "dimers.extxyz", "--model", name).out for name in (model, "p.toml", written)}
    assert len(outs) == 1


def test_thermodynamic_integration_of_an_expression(alchemi, file):
    words = ["--temperature", "300", "--timestep", "5", "--steps", "16", "--interval", "2", "--windows", "2"]
    answer = alchemi("ti", "dimers.extxyz@0", "--model", SWITCH, *words, "--out", "o")
    assert answer.code == 0, answer.err
    assert json.loads((file / "o/ti.json").read_text())["model"]["expression"] == SWITCH
    rows = np.genfromtxt("o/window-01.csv", delimiter=",", names=True)
    # at λ = 1 the energy is 4 · ½ Σ x² and its derivative 3 · ½ Σ x²
    np.testing.assert_allclose(rows["dE_dlambda_eV"], 0.75 * rows["energy_eV"], rtol=1e-9)
    assert alchemi("ti", "--resume", "o").code == 0


def test_a_parameter_of_another_name_is_not_taken_for_this_one(alchemi, file):
    words = ["--model", "(1 - Coupling('mix')**2)*springs + Coupling('mix')*springs(k=4.0)", "--temperature", "300"]
    answer = alchemi("ti", "dimers.extxyz@0", *words)
    assert answer.code == 2
    assert "nothing depends on the coupling parameter 'coupling'" in answer.err


def test_dynamics_stop_where_members_of_an_expression_disagree(alchemi, here):
    write("pair.traj", dimer(1.1))
    words = ["--model", MEMBERS, "--temperature", "1", "--seed", "1", "--steps", "5", "--out", "o"]
    # forces k 0.1 eV/Å along the bond with k of 1 and 3: a deviation of 0.2/√2 eV/Å, twice that by calibration
    assert alchemi("md", "pair.traj", *words, "--stop-if", "forces_std > 0.5").code == 0
    assert json.loads((here / "o/run.json").read_text())["status"] == "done"
    answer = alchemi("md", "pair.traj", *words, "--overwrite", "--stop-if", "forces_std > 0.28")
    assert answer.code == 0, answer.err
    assert json.loads((here / "o/run.json").read_text())["status"] == "stopped"
    assert read("o/stopped.extxyz").info["step"] == 0
    assert "forces_std is 0.2828 eV/Å" in answer.out


@pytest.mark.parametrize(
    ("model", "fix"),
    [
        ("(1 - couplng)*springs", "write 'coupling'"),
        ("committee(springs)", "committee(a, b)"),
        ("coupling", "coupling*name"),
        ("committee(springs, sprngs)", "springs"),
    ],
)
def test_what_cannot_be_read_is_one_error(alchemi, here, model, fix):
    answer = alchemi("plan", "--model", model)
    assert answer.code == 2
    assert fix in answer.err
    assert "Traceback" not in answer.err
