"""Groups in expressions, from the command line: charges that flow, Coulomb between them, springs beside."""

import numpy as np
import pytest
from ase import Atoms
from ase.io import read, write
from scipy.optimize import minimize_scalar

from alchemi_core.quantities import COULOMB_CONSTANT

MODEL = "[flow(scale=0.1), coulomb] + springs(k=5)"
BOX = {"cell": [12.0, 12.0, 12.0], "pbc": True}


def energies(r, scale=0.1, k=5.0):
    """Coulomb and spring of H–Li: charges ±s (3 − 1) exp(−r), so that E = −k_e (2 s)² exp(−2 r) / r + ½ k (r − 1)²."""
    return -COULOMB_CONSTANT * (2 * scale) ** 2 * np.exp(-2 * r) / r, 0.5 * k * (r - 1.0) ** 2


@pytest.fixture
def boxes(here):
    """Three pairs in boxes, in several directions; the second across a face."""
    first, bonds = np.array([5.0, 0.1, 5.0]), ([0.0, 0.0, 0.8], [0.66, -0.88, 0.0], [0.0, 1.04, 0.78])
    write("boxes.extxyz", [Atoms("HLi", [first, first + bond], **BOX) for bond in bonds])
    return here


def test_the_plan_prints(alchemi):
    answer = alchemi("plan", "--model", MODEL, "--outputs", "energy,forces,stress")
    assert answer.code == 0
    assert "3 steps, 2 groups" in answer.out
    assert "group 0 autograd" in answer.out
    assert "charges←[0]" in answer.out
    assert "forces = −d([1])/dr + [2]" in answer.out


def test_a_rename_keeps_two_producers_of_one_name_apart(alchemi):
    answer = alchemi("plan", "--model", MODEL)
    assert answer.code == 2
    assert "'charges' is produced by step 0 (flow), step 2 (springs)" in answer.err
    answer = alchemi("plan", "--model", "[flow, coulomb] + (springs >> {'charges': 'tenths'})")
    assert answer.code == 0
    assert "tenths" in answer.out


def test_energies_of_each_structure_per_term(alchemi, boxes):
    answer = alchemi("singlepoint", "boxes.extxyz", "--model", MODEL)
    assert answer.code == 0
    rows = [line.split() for line in answer.out.splitlines()[1:]]
    for row, r in zip(rows, (0.8, 1.1, 1.3), strict=True):
        coulomb, spring = energies(r)
        assert [float(x) for x in row[3:6]] == pytest.approx([coulomb + spring, coulomb, spring], abs=1e-6)


def test_a_batch_relaxes_to_the_minimum_of_the_whole_energy(alchemi, boxes):
    answer = alchemi("relax", "boxes.extxyz", "--model", MODEL, "--fix-cell", "--fmax", "1e-6")
    assert answer.code == 0, answer.err
    best = minimize_scalar(lambda r: sum(energies(r)), bounds=(0.5, 1.4), method="bounded", options={"xatol": 1e-10}).x
    # Were the charges held fixed, the pair would end elsewhere: the chain rule through them is in the forces.
    fixed = minimize_scalar(
        lambda r: -COULOMB_CONSTANT * 0.04 * np.exp(-2 * best) / r + energies(r)[1], bounds=(0.5, 1.4), method="bounded"
    ).x
    assert abs(fixed - best) > 1e-3
    for frame in read("relaxed-boxes/final.extxyz", ":"):
        assert frame.get_distance(0, 1, mic=True) == pytest.approx(best, abs=1e-6)
        assert frame.info["energy_coulomb"] == pytest.approx(energies(best)[0], abs=1e-6)
    assert "energy per term" in answer.out


def test_renames_reach_the_next_step(alchemi, boxes):
    renamed = "[flow(scale=0.1, output='partial_charges') >> {'partial_charges': 'charges'}, coulomb] + springs(k=5)"
    assert alchemi("singlepoint", "boxes.extxyz", "--model", renamed).out == (
        alchemi("singlepoint", "boxes.extxyz", "--model", MODEL).out
    )


def test_without_brackets_the_gradient_would_be_cut(alchemi, boxes):
    answer = alchemi("relax", "boxes.extxyz", "--model", "flow + coulomb + springs")
    assert (answer.code, answer.out) == (2, "")
    assert "charges" in answer.err
    assert [one.name for one in boxes.iterdir()] == ["boxes.extxyz"]


def test_dynamics_with_a_group_goes_on_where_it_stopped(alchemi, boxes):
    words = ["--model", MODEL, "--temperature", "50", "--seed", "1", "--steps", "4", "--out", "o"]
    assert alchemi("md", "boxes.extxyz@1", *words).code == 0
    assert alchemi("md", "--resume", "o", "--steps", "8").code == 0
    words[-3:] = ["8", "--out", "whole"]
    assert alchemi("md", "boxes.extxyz@1", *words).code == 0
    np.testing.assert_array_equal(read("o/final.extxyz").positions, read("whole/final.extxyz").positions)


def test_total_charge_and_spin_come_from_the_file_and_stay_in_it(alchemi, here):
    ions = [Atoms("H2", [[0, 0, 0], [0, 0, 1.1]], info={"charge": q, "spin": m}) for q, m in ((0, 1), (1, 2), (-1, 4))]
    write("ions.extxyz", ions)
    answer = alchemi("relax", "ions.extxyz", "--model", "springs + charged", "--fmax", "1e-6")
    assert answer.code == 0
    frames = read("relaxed-ions/final.extxyz", ":")
    # 3 eV per charge, 5 eV per unpaired electron
    assert [frame.info["energy_charged"] for frame in frames] == pytest.approx([0.0, 8.0, 12.0])
    assert [(frame.info["charge"], frame.info["spin"]) for frame in frames] == [(0, 1), (1, 2), (-1, 4)]


TWICE = ["--model", "[flow, coulomb, coulomb]", "--accept", "coulomb"]


@pytest.mark.parametrize(
    "command",
    [
        ["plan"],
        ["singlepoint", "boxes.extxyz"],
        ["relax", "boxes.extxyz", "--fix-cell", "--steps", "1"],
        ["md", "boxes.extxyz@1", "--temperature", "50", "--steps", "2", "--out", "o"],
    ],
)
def test_what_is_counted_twice_is_refused_unless_accepted(alchemi, boxes, command):
    answer = alchemi(*command, *TWICE[:2])
    assert answer.code == 2
    assert "coulomb is counted twice: in step 1 (coulomb) and in step 2 (coulomb#2)" in answer.err
    assert alchemi(*command, *TWICE).code in (0, 1)
    if command[0] == "md":
        assert alchemi("md", "--resume", "o", "--steps", "4").code == 0


def test_accepting_what_no_model_contains(alchemi, boxes):
    answer = alchemi("plan", "--model", "springs", "--accept", "coulom")
    assert answer.code == 2
    assert "likely fix: write 'coulomb'" in answer.err


def test_charges_of_the_file_are_read_and_stay_in_it(alchemi, here):
    r = 1.7
    ions = Atoms("NaCl", [[5, 5, 5], [5, 5, 5 + r]], **BOX)
    ions.set_initial_charges([0.8, -0.8])
    write("ions.extxyz", ions)
    answer = alchemi("singlepoint", "ions.extxyz", "--model", "coulomb", "--out", "o")
    assert answer.code == 0
    result = read("o/results.extxyz")
    assert result.get_potential_energy() == pytest.approx(-COULOMB_CONSTANT * 0.64 / r)
    np.testing.assert_array_equal(result.get_initial_charges(), [0.8, -0.8])
