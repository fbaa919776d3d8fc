"""Units that offers give to options, and options read by them."""

from __future__ import annotations

from typing import Any

import pytest

from alchemi_core.errors import DeclarationError, OptionError
from alchemi_core.frozenmap import FrozenMap
from alchemi_core.offers import DerivativeOffer, ModelOffer
from alchemi_core.option_units import read_options

GOOD: dict[str, Any] = {"name": "my-model", "summary": "one line", "target": "package.module:Class"}
UNITS = {"epsilon": "eV", "cutoff": "Å", "pairs": "eV", "pairs.r0": "Å", "points": "Å"}


@pytest.mark.parametrize("kind", [ModelOffer, DerivativeOffer])
def test_units_are_kept_as_a_value(kind: type[ModelOffer | DerivativeOffer]) -> None:
    given = {"epsilon": "eV", "pairs.r0": "Å"}
    offer = kind(**GOOD, units=given)
    given["epsilon"] = "K"
    assert offer.units == {"epsilon": "eV", "pairs.r0": "Å"}
    assert type(offer.units) is FrozenMap
    assert hash(offer) == hash(kind(**GOOD, units=dict(offer.units)))
    assert kind(**GOOD).units == {}


@pytest.mark.parametrize("kind", [ModelOffer, DerivativeOffer])
@pytest.mark.parametrize(
    ("units", "found"),
    [
        ("eV", "units is 'eV'"),
        ([("epsilon", "eV")], "units is [('epsilon', 'eV')]"),
        ({"": "eV"}, "units is FrozenMap({'': 'eV'})"),
        ({"two words": "eV"}, "units is FrozenMap({'two words': 'eV'})"),
        ({"pairs.r0.more": "Å"}, "units is FrozenMap({'pairs.r0.more': 'Å'})"),
        ({1: "eV"}, "units is FrozenMap({1: 'eV'})"),
        ({"epsilon": 1}, "units is FrozenMap({'epsilon': 1})"),
        ({"epsilon": None}, "units is FrozenMap({'epsilon': None})"),
        ({"epsilon": ""}, "units['epsilon'] is '': unit '' cannot be read: it is empty"),
        ({"cutoff": "Å", "epsilon": "ev"}, "units['epsilon'] is 'ev': unknown unit 'ev'"),
    ],
)
def test_units_that_cannot_be_are_refused(kind: type[ModelOffer | DerivativeOffer], units: Any, found: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        kind(**GOOD, units=units)
    assert caught.value.found == found
    assert caught.value.who == f"{kind.__name__}(name='my-model')"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({"epsilon": "10 meV", "cutoff": "1 nm"}, {"epsilon": 0.01, "cutoff": 10.0}),
        ({"epsilon": {"Ar": "10 meV", "Kr": 0.014}}, {"epsilon": {"Ar": 0.01, "Kr": 0.014}}),
        ({"points": [["1 nm", 2, "3 Å"], (4.0, "5 pm")]}, {"points": [[10.0, 2, 3.0], (4.0, 0.05)]}),
        ({"pairs": {"A-B": {"D": "1 eV", "r0": "1 nm"}}}, {"pairs": {"A-B": {"D": 1.0, "r0": 10.0}}}),
        ({"pairs": [{"r0": ["1 nm"], "D": "1 eV"}]}, {"pairs": [{"r0": [10.0], "D": 1.0}]}),
        ({"name": "0.3.0", "n": "7net-0", "file": "1 nm.pt"}, {"name": "0.3.0", "n": "7net-0", "file": "1 nm.pt"}),
        ({"cutoff": "covalent", "epsilon": None}, {"cutoff": "covalent", "epsilon": None}),
        ({"cutoff": 6, "epsilon": True}, {"cutoff": 6, "epsilon": True}),
    ],
)
def test_numbers_inside_options_are_read(written: dict[str, Any], read: dict[str, Any]) -> None:
    assert read_options(written, UNITS, "my-model") == read


def test_numbers_keep_their_type() -> None:
    read = read_options({"cutoff": 6, "epsilon": True}, UNITS, "my-model")
    assert [type(value) for value in read.values()] == [int, bool]


@pytest.mark.parametrize(
    ("written", "place", "found"),
    [
        ({"cutoff": "6"}, "cutoff", "'6' has no unit"),
        ({"cutoff": "6 eV"}, "cutoff", "'6 eV': 'eV' is an energy"),
        ({"cutoff": "nan Å"}, "cutoff", "'nan Å' is not a finite number"),
        ({"epsilon": {"Ar": "1 kcal"}}, "epsilon", "'1 kcal': 'kcal' is an energy of moles"),
        ({"pairs": {"A-B": {"r0": "1 eV"}}}, "pairs.r0", "'1 eV': 'eV' is an energy"),
        ({"r0": "1 nm"}, "r0", "'1 nm' is a number with a unit"),
        ({"points": [[1.0], ["1 Å/"]]}, "points", "unit 'Å/' cannot be read: it ends too soon"),
    ],
)
def test_errors_name_the_option(written: dict[str, Any], place: str, found: str) -> None:
    with pytest.raises(OptionError) as caught:
        read_options(written, UNITS, "my-model")
    assert caught.value.who == f"my-model, {place}"
    assert caught.value.found == found
