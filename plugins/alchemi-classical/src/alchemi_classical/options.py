"""Single values that a user may give, checked one by one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ase.data import atomic_numbers

from alchemi_core.errors import OptionError, nearest


def number(
    value: Any, name: str, who: str, *, unit: str = "", least: float = -math.inf, open_end: bool = False
) -> float:
    """Return a finite number, not below `least`; with `open_end` above it.

    Raises
    ------
    OptionError
        If it is anything else.
    """
    fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not fits or value < least or (open_end and value == least):
        bound = "" if least == -math.inf else f" {'above' if open_end else 'of at least'} {least:g}"
        raise OptionError(f"{name}={value!r}", expected=f"a number{bound}{unit and ', ' + unit}", who=who)
    return float(value)


def positive(value: Any, name: str, who: str, *, unit: str = "") -> float:
    """Return a finite number above zero.

    Raises
    ------
    OptionError
        If it is anything else.
    """
    return number(value, name, who, unit=unit, least=0.0, open_end=True)


def choice(value: Any, name: str, who: str, known: tuple[str, ...]) -> str:
    """Return a word, which must be one of those known.

    Raises
    ------
    OptionError
        If it is anything else.
    """
    if not isinstance(value, str) or value not in known:
        close = nearest(str(value), known)
        expected = "one of " + ", ".join(map(repr, known))
        raise OptionError(f"{name}={value!r}", expected=expected, who=who, fix=f"{name}={close!r}" if close else "")
    return value


def items(value: Any, name: str, who: str, *, count: int | None = None, of: str = "values") -> tuple[Any, ...]:
    """Return the members of a list or tuple, which must not be empty; of `count` members where that is given.

    Raises
    ------
    OptionError
        If it is anything else.
    """
    fits = isinstance(value, Sequence) and not isinstance(value, str) and len(value) > 0
    if not fits or (count is not None and len(value) != count):
        raise OptionError(
            f"{name}={_short(value)}",
            expected=f"a list of {'one or more' if count is None else count} {of}",
            who=who,
            fix=f"{name}=array.tolist()" if hasattr(value, "tolist") else "",
        )
    return tuple(value)


def index(value: Any, name: str, who: str) -> int:
    """Return the number of an atom within its system, counted from 0.

    Raises
    ------
    OptionError
        If it is not an int of 0 or more.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise OptionError(
            f"{name}={value!r}", expected="the number of an atom in its system, an int of 0 or more", who=who
        )
    return value


def check_keys(given: Mapping[str, Any], known: Iterable[str], required: Iterable[str], name: str, who: str) -> None:
    """Check the keys of a mapping.

    Raises
    ------
    OptionError
        If a key is unknown, or a required one is missing.
    """
    known = tuple(known)
    if unknown := [key for key in given if key not in known]:
        close = nearest(str(unknown[0]), [key for key in known if key not in given])
        fix = f"{close!r} instead of {unknown[0]!r}" if close else ""
        raise OptionError(f"{name} has {unknown[0]!r}", expected="only " + ", ".join(known), who=who, fix=fix)
    if missing := [key for key in required if key not in given]:
        expected = "each of " + ", ".join(required)
        raise OptionError(f"{name} has no {', '.join(map(repr, missing))}", expected=expected, who=who)


def element(symbol: str, name: str, who: str) -> int:
    """Return the atomic number of a chemical symbol.

    Raises
    ------
    OptionError
        If there is no such element.
    """
    found = atomic_numbers.get(symbol, 0)
    if found < 1:
        close = symbol.capitalize() if symbol.capitalize() in atomic_numbers else nearest(symbol, atomic_numbers)
        raise OptionError(
            f"{name}: no element {symbol!r}", expected="chemical symbols", who=who, fix=repr(close) if close else ""
        )
    return int(found)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 80 else text[:77] + "..."
