"""Every error says found, expected, who and fix, in text and in fields."""

from __future__ import annotations

import inspect
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alchemi_core import errors
from alchemi_core.errors import AlchemiError, nearest

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, AlchemiError)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_text_holds_all_four_parts(kind: type[AlchemiError]) -> None:
    error = kind("'charges' is missing", expected="charges [N] in e", who="step 1 (ewald)", fix="wire={'q': 'charges'}")
    assert str(error) == (
        "step 1 (ewald): 'charges' is missing\n  expected: charges [N] in e\n  likely fix: wire={'q': 'charges'}"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_known_is_left_out(kind: type[AlchemiError]) -> None:
    assert str(kind("a")) == "a"
    assert str(kind("a", fix="b")) == "a\n  likely fix: b"


@pytest.mark.parametrize("kind", KINDS)
def test_fields_survive_pickling(kind: type[AlchemiError]) -> None:
    error = pickle.loads(pickle.dumps(kind("a", expected="b", who="c", fix="d")))
    assert type(error) is kind
    assert (error.found, error.expected, error.who, error.fix) == ("a", "b", "c", "d")


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (errors.PlanningError, ValueError),
        (errors.DataError, ValueError),
        (errors.OptionError, TypeError),
        (errors.UnknownOfferError, LookupError),
        (errors.DuplicateOfferError, LookupError),
        (errors.MissingOutputError, KeyError),
        (errors.UndeclaredInputError, AttributeError),
        (errors.PluginError, RuntimeError),
    ],
)
def test_each_is_also_what_python_would_raise(kind: type[AlchemiError], builtin: type[Exception]) -> None:
    with pytest.raises(builtin):
        raise kind("found")


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_documented(kind: type[AlchemiError]) -> None:
    assert kind.__doc__ is not AlchemiError.__doc__ or kind is AlchemiError
    assert kind.__doc__


@pytest.mark.parametrize(
    ("name", "near"), [("charge", "charges"), ("enregy", "energy"), ("xyzzy", None), ("", None), ("energy", "energy")]
)
def test_nearest_is_what_was_meant_or_nothing(name: str, near: str | None) -> None:
    assert nearest(name, {"charges", "energy", "forces"}) == near


@given(st.text(max_size=6), st.sets(st.text(max_size=6), max_size=5))
def test_nearest_is_always_one_of_the_known(name: str, known: set[str]) -> None:
    found = nearest(name, known)
    assert found is None or found in known
