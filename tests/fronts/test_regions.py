"""Models on parts of systems from the command line: Hooke's law gives every figure."""

import numpy as np
import pytest
from ase import Atoms
from ase.io import read, write

EMBEDDED = "springs + region(springs(k=2.0), {0}) + -1*region(springs, {0})"
"""½·2·0.1² of the first dimer, ½·1·0.2² of the second."""


@pytest.fixture
def file(here):
    atoms = Atoms("H4", [(0, 0, 0), (0, 0, 1.1), (0, 5, 0), (0, 5, 1.2)])
    atoms.set_tags([1, 1, 0, 0])
    write("dimers.extxyz", atoms)
    return "dimers.extxyz"


@pytest.mark.parametrize("part", ["'index < 2'", "[0, 1]", "[True, True, False, False]", "'tags == 1'"])
def test_energies_and_forces(alchemi, file, part):
    answer = alchemi("singlepoint", file, "--model", EMBEDDED.format(part), "--out", "o")
    assert answer.code == 0
    (frame,) = read("o/results.extxyz", ":")
    assert frame.get_potential_energy() == pytest.approx(0.03)
    np.testing.assert_allclose(frame.get_forces()[:, 2], [0.2, -0.2, 0.2, -0.2], atol=1e-12)


def test_energies_per_term_name_the_part(alchemi, file):
    answer = alchemi("singlepoint", file, "--model", EMBEDDED.format("'index < 2'"))
    assert "springs on index < 2" in answer.out
    assert "0.030000" in answer.out


def test_the_plan_names_the_part(alchemi, here):
    answer = alchemi("plan", EMBEDDED.format("'index < 2'"))
    assert answer.code == 0
    assert "[2] springs on index < 2" in answer.out.replace("#2", "")


def test_a_saved_pipeline_is_shown_with_its_parts(alchemi, file):
    assert alchemi("save", "p.alchemi", "--model", EMBEDDED.format("[0, 1]")).code == 0
    assert alchemi("save", "p.toml", "--model", EMBEDDED.format("[0, 1]")).code == 0
    assert "atoms 0-1" in alchemi("inspect", "p.alchemi").out
    assert alchemi("diff", "p.alchemi", "p.toml").code == 0
    outs = [alchemi("singlepoint", file, "--model", name).out for name in ("p.alchemi", "p.toml")]
    assert outs[0] == outs[1] != ""


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("'z < 1'", "the energy would jump"),
        ("[0, 7]", "atom 7 of system 0, which has 4 atoms"),
        ("'qm'", "needs 'qm'"),
        ("[0, 1], chrge=1", "write 'charge'"),
    ],
)
def test_what_cannot_be_is_said(alchemi, file, part, words):
    answer = alchemi("singlepoint", file, "--model", EMBEDDED.format(part))
    assert answer.code == 2
    assert words in answer.err
    assert "Traceback" not in answer.err


def test_a_relaxation_stays_on_the_part(alchemi, file):
    """Atoms of a relaxation move; the part is the same atoms."""
    answer = alchemi("relax", file, "--model", "region(springs(k=2.0), 'tags == 1')", "--out", "o", "--fmax", "1e-4")
    assert answer.code == 0
    relaxed = read("o/final.extxyz")
    assert relaxed.get_distance(0, 1) == pytest.approx(1.0, abs=1e-3)
    assert relaxed.get_distance(2, 3) == pytest.approx(1.2)
