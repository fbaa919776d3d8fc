"""FrozenMap against the built-in dict."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alchemi_core.frozenmap import FrozenMap, freeze

ITEMS = st.dictionaries(st.text(max_size=4), st.integers(), max_size=5)


@given(ITEMS)
def test_it_reads_as_the_dict_it_was_made_of(items: dict[str, int]) -> None:
    frozen = FrozenMap(items)
    assert frozen == items
    assert list(frozen.items()) == list(items.items())
    assert len(frozen) == len(items)


@given(ITEMS, ITEMS)
def test_equal_ones_have_one_hash_and_unequal_ones_differ(left: dict[str, int], right: dict[str, int]) -> None:
    assert (FrozenMap(left) == FrozenMap(right)) == (left == right)
    assert hash(FrozenMap(left)) == hash(FrozenMap(dict(reversed(left.items()))))


@given(ITEMS)
def test_copies_and_pickles_are_equal(items: dict[str, int]) -> None:
    frozen = FrozenMap(items)
    for again in (pickle.loads(pickle.dumps(frozen)), copy.copy(frozen), copy.deepcopy(frozen)):
        assert type(again) is FrozenMap
        assert again == frozen
        assert list(again) == list(frozen)


def test_it_does_not_follow_its_source() -> None:
    source = {"a": 1}
    frozen = FrozenMap(source)
    source["a"] = 2
    assert frozen["a"] == 1


def test_it_cannot_be_changed() -> None:
    frozen = FrozenMap({"a": 1})
    with pytest.raises(TypeError, match="item assignment"):
        frozen["a"] = 2  # type: ignore[index]
    with pytest.raises(AttributeError, match="immutable; cannot set '_items'"):
        frozen._items = {}
    with pytest.raises(AttributeError):
        frozen.other = 1
    assert dict(frozen) == {"a": 1}


def test_absent_keys_are_key_errors() -> None:
    with pytest.raises(KeyError, match="'b'"):
        FrozenMap({"a": 1})["b"]


def test_nothing_makes_an_empty_one() -> None:
    assert FrozenMap() == FrozenMap(None) == {}
    assert repr(FrozenMap({"a": 1})) == "FrozenMap({'a': 1})"


def test_freeze_keeps_what_is_frozen_and_freezes_the_rest() -> None:
    frozen = FrozenMap({"a": 1})
    assert freeze(frozen) is frozen
    assert freeze({"a": 1}) == frozen
    assert type(freeze({"a": 1})) is FrozenMap
    assert freeze(None) == {}
