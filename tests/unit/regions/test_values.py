"""Regions as values: what makes one, what does not, and how it reads."""

import pickle

import numpy as np
import pytest
import torch
from support.toys import Gaussians

from alchemi_core import AlchemiError, PipelineStep, Region
from alchemi_core.errors import DeclarationError, ExpressionError, OptionError
from alchemi_core.regions.condition_reader import MAX_LENGTH, read_condition
from alchemi_core.regions.conditions import All, Comparison, Flag, Not, Some


@pytest.mark.parametrize(
    ("atoms", "kind", "text"),
    [
        ("  index <   12 ", "condition", "index < 12"),
        ([2, 0, 1, 7, 1], "numbers", "atoms 0-2, 7"),
        (range(3), "numbers", "atoms 0-2"),
        (np.array([5]), "numbers", "atoms 5"),
        (torch.tensor([4, 3]), "numbers", "atoms 3-4"),
        ([True, False, True], "mask", "atoms 0, 2 of 3"),
        (np.array([False, True]), "mask", "atoms 1 of 2"),
        (torch.tensor([True]), "mask", "atoms 0 of 1"),
        ("index in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)", "condition", "index in (0, 1, 2, 3, 4, 5, 6, 7, 8, ..."),
    ],
)
def test_what_makes_a_region(atoms, kind, text):
    region = Region(atoms)
    assert (region.kind, str(region)) == (kind, text)
    assert pickle.loads(pickle.dumps(region)) == region
    assert hash(pickle.loads(pickle.dumps(region))) == hash(region)


def test_what_it_says_of_the_part():
    region = Region([0], charge=-1, multiplicity=2, cut_bonds=True)
    assert region.given == {"total_charge": -1.0, "multiplicity": 2.0}
    assert region.options == {"charge": -1.0, "multiplicity": 2.0, "cut_bonds": True}
    assert str(region) == "atoms 0, charge -1, multiplicity 2"
    assert Region([0]).options == Region([0]).given == {}


def test_numbers_and_flags_are_not_the_same():
    assert Region((0, 1)) != Region((False, True))
    assert Region((1,)) != Region((1,), charge=0)


def test_a_step_takes_what_makes_one():
    part = Region("index < 2")
    assert PipelineStep(Gaussians(), atoms="index < 2").atoms == part
    assert PipelineStep(Gaussians(), atoms=part).atoms is part
    assert PipelineStep(Gaussians()).atoms is None


@pytest.mark.parametrize("atoms", [[], [False, False], [-1], [0.5], 3, None, [1, True], [[0, 1]], object(), ["O"]])
def test_what_makes_none(atoms):
    with pytest.raises(DeclarationError, match="atoms are"):
        Region(atoms)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"charge": float("nan")}, "charge is nan"),
        ({"charge": "1"}, "charge is '1'"),
        ({"charge": True}, "charge is True"),
        ({"multiplicity": 0}, "multiplicity is 0"),
        ({"multiplicity": 1.5}, r"multiplicity is 1\.5"),
        ({"cut_bonds": 1}, "cut_bonds is 1"),
    ],
)
def test_options_that_cannot_be(options, words):
    with pytest.raises(DeclarationError, match=words):
        Region([0], **options)


def test_an_option_of_a_text_that_there_is_not():
    with pytest.raises(OptionError, match="chrge") as caught:
        Region.made([0], {"chrge": 1})
    assert caught.value.fix == "write 'charge'"


READ = {
    "element == 'O'": Comparison("number", "==", (8,)),
    "element not in ['O', 'H']": Comparison("number", "not in", (8, 1)),
    "number >= 21": Comparison("number", ">=", (21,)),
    "12 > index": Comparison("index", "<", (12,)),
    "tags == -1": Comparison("tags", "==", (-1,)),
    "index in {3}": Comparison("index", "in", (3,)),
    "qm": Flag("qm"),
    "not qm": Not(Flag("qm")),
    "3 <= index < 12": All((Comparison("index", ">=", (3,)), Comparison("index", "<", (12,)))),
    "qm or index == 0 and tags != 2": Some(
        (Flag("qm"), All((Comparison("index", "==", (0,)), Comparison("tags", "!=", (2,)))))
    ),
}


@pytest.mark.parametrize(("text", "condition"), READ.items(), ids=READ)
def test_conditions_read(text, condition):
    assert read_condition(text) == condition


def test_fields_that_a_condition_reads():
    assert Region("(qm or not tags == 1) and element == 'C' and index < 3").fields == {"qm", "tags"}
    assert Region([0]).fields == frozenset()


REFUSED = {
    "z > 5.0": "the energy would jump wherever an atom crosses the border",
    "positions == 1": "the energy would jump",
    "not distance < 3": "the energy would jump",
    "charges > 0": "may change with positions",
    "total_charge == 1": "counts systems",
    "symbol == 'O'": "selects by 'symbol'",
    "element == 'Xx'": "names the element 'Xx'",
    "element == 'X'": "names the element 'X'",
    "element == 8": "compares an element with '8'",
    "element < 'O'": "orders elements",
    "index": "without a comparison",
    "index < 3 + 4": "compares 'index' with '3 \\+ 4'",
    "index is 3": "compares by 'is'",
    "index in 3": "looks for something in '3'",
    "index in ()": r"looks for something in '\(\)'",
    "index < element": "compares 'index' with 'element'",
    "qm == True": "compares 'qm' with True",
    "index < 1e400": "compares 'index'",
    "3 < 4": "compares '3'",
    "f(x)": "is no condition",
    "__import__('os').system('true')": "is no condition",
    "[i for i in index]": "is no condition",
    "qm.all": "is no condition",
    "lambda: 1": "is no condition",
    "(index < 3": "is no condition",
    "": "is no condition",
    "index <\x00 3": "is no condition",
    "not " * 2000 + "qm": "is no condition",
    "qm or " * MAX_LENGTH + "qm": "characters long",
}


@pytest.mark.parametrize(("text", "words"), REFUSED.items(), ids=[text[:20] for text in REFUSED])
def test_texts_that_are_no_conditions(text, words):
    with pytest.raises(ExpressionError, match=words) as caught:
        Region(text)
    error = caught.value
    assert error.who == "atoms of a region"
    assert error.expected
    assert error.fix


def test_fixes_can_be_typed():
    for text, fix in {"element == 'Ni2'": "write 'Ni'", "qm == False": "not qm", "Z == 8": "write 'number'"}.items():
        with pytest.raises(AlchemiError) as caught:
            Region(text)
        assert caught.value.fix == fix


@pytest.mark.parametrize(("written", "meant"), [("o", "O"), ("NA", "Na"), ("Oo", "O")])
def test_symbols_of_elements_are_suggested(written, meant):
    with pytest.raises(ExpressionError, match=f"likely fix: write '{meant}'"):
        Region(f"element == '{written}'")
