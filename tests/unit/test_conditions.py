"""Conditions: what they say of values, and that nothing else can stand in one."""

import numpy as np
import pytest
from ase import Atoms

from alchemi_core.cli.condition import Condition
from alchemi_core.cli.condition_reader import MAX_LENGTH, read_condition
from alchemi_core.cli.operands import Kind
from alchemi_core.errors import ModelOutputError, OptionError

KNOWN = {
    "energy": Kind(unit="eV"),
    "forces": Kind("atoms", vectors=True, unit="eV/Å"),
    "forces_std": Kind("atoms", unit="eV/Å"),
    "charges": Kind("atoms", unit="e"),
    "stress": Kind("stress", unit="eV/Å³"),
    "temperature": Kind(unit="K"),
    "step": Kind(),
}
VALUES = {
    "energy": np.array(-3.0),
    "forces": np.array([1.0, 5.0, 4.5, 9.0]),
    "forces_std": np.array([0.1, 0.6, 0.7, 0.3]),
    "charges": np.array([1.0, -1.0, 0.25, -0.25]),
    "stress": np.arange(9.0),
    "temperature": np.array(300.0),
    "step": np.array(12.0),
}
ATOMS = Atoms("HOLiC", np.zeros((4, 3)))


def read(text) -> Condition:
    return read_condition(text, KNOWN)


HOLDING = [
    ("energy < -2.9", True),
    ("energy < -3", False),
    ("energy <= -3", True),
    ("energy == -3.0", True),
    ("energy != -3", False),
    ("-4 < energy < -2", True),
    ("-4 < energy < -3.5", False),
    ("step >= 12", True),
    ("forces > 8.9", True),
    ("forces > 9", False),
    ("forces_std > 0.65", True),
    ("0.55 < forces_std < 0.65", True),
    ("0.35 < forces_std < 0.55", False),  # some are above, some below, none is both
    ("forces_std > 0.35 and forces_std < 0.55", True),  # each comparison has an atom of its own
    ("not forces_std > 0.7", True),
    ("not forces_std > 0.65", False),
    ("temperature > 500 or energy < 0", True),
    ("temperature > 500 or energy > 0", False),
    ("temperature > 200 and energy > 0", False),
    ("max(forces) > 8.9", True),
    ("max(norm(forces)) > 8.9", True),
    ("min(forces) < 1.1", True),
    ("mean(forces) > 4.8 and mean(forces) < 4.9", True),
    ("norm(charges) > 1.45 and norm(charges) < 1.46", True),  # √(1 + 1 + 2/16)
    ("abs(charges) > 0.9", True),
    ("mean(charges) == 0", True),
    ("max(abs(charges)) + min(-charges) == 0", True),
    ("stress > 7.5", True),
    ("norm(stress) > 14.2 and norm(stress) < 14.3", True),  # √204
    ("forces > 10*forces_std - 2", True),
    ("forces/forces_std > 29", True),
    ("2*(energy + 1) < -3.9", True),
    ("energy*energy == 9", True),
    ("+energy < 1_000", True),
    ("energy < 1e3", True),
]


@pytest.mark.parametrize(("text", "holds"), HOLDING)
def test_a_condition_holds_where_it_should(text, holds):
    verdict = read(text).at(VALUES)
    assert verdict.holds is holds
    assert bool(verdict.reasons) is holds


def test_names_are_those_it_needs():
    assert read("max(forces) > 2 or not (energy < temperature and step > 3)").names == {
        "forces",
        "energy",
        "temperature",
        "step",
    }


REASONS = [
    ("forces > 4.6", ["forces > 4.6: forces is 9 eV/Å at atom 3 (C), 5 eV/Å at atom 1 (O)"]),
    (
        "forces < 9.5",
        ["forces < 9.5: forces is 1 eV/Å at atom 0 (H), 4.5 eV/Å at atom 2 (Li), 5 eV/Å at atom 1 (O) and 1 more"],
    ),
    ("max(forces_std) > 0.5", ["max(forces_std) > 0.5: max(forces_std) is 0.7 eV/Å at atom 2 (Li)"]),
    ("8 < forces", ["8 < forces: forces is 9 eV/Å at atom 3 (C)"]),
    ("energy < 0 and step > 3", ["energy < 0: energy is -3 eV", "step > 3: step is 12"]),
    ("energy > 0 or charges < -0.5", ["charges < -0.5: charges is -1 e at atom 1 (O)"]),
    ("not energy > 0", ["not energy > 0"]),
    (
        "max(charges) > 20*min(forces_std) - 2",
        ["max(charges) > 20 * min(forces_std) - 2: max(charges) is 1 e at atom 0 (H)"],
    ),
]


@pytest.mark.parametrize(("text", "told"), REASONS)
def test_a_reason_names_atoms_and_says_by_how_much(text, told):
    assert [reason.told(ATOMS) for reason in read(text).at(VALUES).reasons] == told


WATCHED = [
    ("forces > 3", [("max(forces)", "eV/Å", 9.0)]),
    ("3 < forces", [("max(forces)", "eV/Å", 9.0)]),
    ("charges < -2", [("min(charges)", "e", -1.0)]),
    ("-2 > charges", [("min(charges)", "e", -1.0)]),
    ("max(forces) > 3 or max(forces) < 1", [("max(forces)", "eV/Å", 9.0)]),
    ("energy > 3 and forces_std > 4", [("energy", "eV", -3.0), ("max(forces_std)", "eV/Å", 0.7)]),
    ("2*energy > step", [("2 * energy", "eV", -6.0), ("step", "", 12.0)]),
    ("forces/forces_std > 3", [("max(forces / forces_std)", "", 30.0)]),
]


@pytest.mark.parametrize(("text", "watched"), WATCHED)
def test_what_is_watched_is_one_number_each(text, watched):
    found = [(one.text, one.kind.unit, float(one.at(VALUES).numbers)) for one in read(text).watched]
    assert found == [(name, unit, pytest.approx(value)) for name, unit, value in watched]


def test_levels_are_what_a_watched_number_is_compared_with():
    condition = read("-1 < energy < 3 or energy > 3 or forces > 2 + 2")
    energy, forces = condition.watched
    assert condition.levels(energy) == (-1.0, 3.0)
    assert condition.levels(forces) == (4.0,)


@pytest.mark.parametrize("text", ["energy/(step - 12) > 1", "1/min(stress) > 1", "energy*1e200*1e200 > 1"])
def test_what_cannot_be_computed_is_an_error_and_no_verdict(text):
    with pytest.raises(ModelOutputError, match="cannot be computed"):
        read(text).at(VALUES)


def test_parts_are_looked_at_in_order_as_far_as_it_takes():
    assert not read("step > 12 and energy/(step - 12) > 1").at(VALUES).holds
    assert read("step == 12 or energy/(step - 12) > 1").at(VALUES).holds


HOSTILE = [
    "__import__('os').system('true') > 1",
    "(lambda: 1)() > energy",
    "energy.__class__ > 1",
    "[energy][0] > 1",
    "{energy: 1} > 1",
    "f'{energy}' > 1",
    "energy > 'a'",
    "energy > b'a'",
    "energy > None",
    "energy > True",
    "energy > 3j",
    "energy > 1e999",
    "energy > " + "9" * 400,
    "9**9**9**9 > energy",
    "energy ** 2 > 1",
    "energy // 2 > 1",
    "energy % 2 > 1",
    "energy @ 2 > 1",
    "energy << 2 > 1",
    "energy > 1 if step else 2",
    "(energy := 3) > 1",
    "[x for x in forces] > 1",
    "energy is 3",
    "energy in forces",
    "max(*forces) > 1",
    "max(forces, 3) > 1",
    "max(key=forces) > 1",
    "max() > 1",
    "max > 1",
    "energy() > 1",
    "max(forces)(1) > 1",
    "sum(forces) > 1",
    "eval('1') > 1",
    "(energy > 1) > 0",
    "(energy > 1) + 1 > 0",
    "not energy",
    "energy",
    "max(forces)",
    "energy and step",
    "energy > 1; import os",
    "energy > 1\nstep > 2",
    "energy = 3",
    "forces > 5 eV",
    "energy > 1 & step > 2",
    "energy > 1 | step > 2",
    "~(energy > 1)",
    "1 > 0",
    "energy > 0 and 1 > 0",
    "energy + stress > forces",
    "forces > stress",
    "energy > 1)",
    "",
    "   ",
    "\0",
    "-" * 400 + "1 > energy",
    "energy is " + "-" * 400 + "1",
    "not " * 80 + "energy > 1",
    "(" * 240 + "energy" + ")" * 240 + " > 1",
    "energy > 1 or " * 100 + "energy > 1",
    "x" * (MAX_LENGTH + 1),
]


@pytest.mark.parametrize("text", HOSTILE, ids=[text[:40] for text in HOSTILE])
def test_whatever_else_stands_in_a_condition_is_refused(text):
    with pytest.raises(OptionError) as caught:
        read(text)
    assert caught.value.who == "--stop-if"


HELPFUL = [
    ("forces_sdt > 1", "did you mean 'forces_std'"),
    ("maxx(forces) > 1", "did you mean 'max'"),
    ("partial_charges > 1", "the model gives no 'partial_charges'"),
    ("energy_std > 1", "a committee of several models"),
    ("energy > 1 & step > 2", "'and' between comparisons"),
    ("forces", "'forces > 1'"),
    ("forces > 5 eV", "without units"),
    ("forces > stress", "of atoms and of stress"),
]


@pytest.mark.parametrize(("text", "words"), HELPFUL)
def test_a_mistake_is_told_with_its_fix(text, words):
    with pytest.raises(OptionError, match="--stop-if") as caught:
        read(text)
    assert words in str(caught.value)
