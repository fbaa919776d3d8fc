"""Offers refuse values that could only fail later; targets load or say why."""

from __future__ import annotations

import os.path
from typing import Any, get_args

import attrs
import pytest

from alchemi_core.errors import AlchemiError, DeclarationError, PluginError
from alchemi_core.offers import KINDS, ROLES, ModelOffer, NeighborOffer, Offer, load_target

GOOD: dict[str, Any] = {"name": "my-model.v2_a", "summary": "one line", "target": "package.module:Class.method"}


def make(kind: type[Offer], **changes: Any) -> Offer:
    more = {"role": "builder"} if kind is NeighborOffer else {}
    values: dict[str, Any] = {**GOOD, **more, **changes}
    return kind(**values)


@pytest.mark.parametrize("kind", get_args(Offer))
def test_good_values_are_kept(kind: type[Offer]) -> None:
    offer = make(kind)
    assert {key: getattr(offer, key) for key in GOOD} == GOOD
    assert KINDS[offer.kind] is kind


@pytest.mark.parametrize("kind", get_args(Offer))
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "two words"),
        ("name", "a+b"),
        ("name", "a,b"),
        ("name", "-a"),
        ("name", None),
        ("summary", ""),
        ("summary", " "),
        ("summary", "two\nlines"),
        ("target", "package.module"),
        ("target", "package.module:"),
        ("target", ":Class"),
        ("target", "package module:Class"),
        ("target", make),
    ],
)
def test_bad_values_are_refused_by_field(kind: type[Offer], field: str, value: object) -> None:
    with pytest.raises(DeclarationError) as caught:
        make(kind, **{field: value})
    assert caught.value.found == f"{field} is {value!r}"
    assert kind.__name__ in caught.value.who


def test_a_role_is_one_of_the_known() -> None:
    assert [NeighborOffer(**GOOD, role=role).role for role in ROLES] == list(ROLES)
    with pytest.raises(DeclarationError, match="role is 'sort'"):
        make(NeighborOffer, role="sort")


def test_one_word_is_not_taken_for_its_letters() -> None:
    assert NeighborOffer(**GOOD, role="builder", devices="cuda").devices == ("cuda",)
    assert ModelOffer(**GOOD, citations="10.1000/1").citations == ("10.1000/1",)


@pytest.mark.parametrize("kind", get_args(Offer))
def test_offers_are_values(kind: type[Offer]) -> None:
    offer: Any = make(kind)
    assert offer == make(kind)
    assert hash(offer) == hash(make(kind))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        offer.name = "other"


def test_a_target_may_be_nested() -> None:
    assert load_target("os:path.join") is os.path.join


@pytest.mark.parametrize(
    ("target", "cause"),
    [
        ("no_such_package:X", ModuleNotFoundError),
        ("os:no_such_name", AttributeError),
        ("os.path:join.x", AttributeError),
    ],
)
def test_a_target_that_does_not_load_chains_the_cause(target: str, cause: type[Exception]) -> None:
    with pytest.raises(PluginError) as caught:
        load_target(target)
    assert isinstance(caught.value, AlchemiError)
    assert isinstance(caught.value.__cause__, cause)
    assert target in str(caught.value)
