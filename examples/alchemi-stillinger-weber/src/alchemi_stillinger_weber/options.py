"""Options, checked before anything is made of them."""

from __future__ import annotations

import math
from typing import NoReturn

from alchemi_core.errors import OptionError

from alchemi_stillinger_weber.hooks import NAME


def positive(option: str, value: object, unit: str = "") -> float:
    """Return the value of an option that must be a number above zero.

    Raises
    ------
    OptionError
        If it is anything else.
    """
    number = _number(value)
    return number if number > 0.0 else _refuse(option, value, f"a number above zero{unit and ', '}{unit}")


def not_negative(option: str, value: object) -> float:
    """Return the value of an option that must be zero or a number above it.

    Raises
    ------
    OptionError
        If it is anything else.
    """
    number = _number(value)
    return number if number >= 0.0 else _refuse(option, value, "zero or a number above it")


def within(option: str, value: object, low: float, high: float) -> float:
    """Return the value of an option that must be a number from `low` to `high`.

    Raises
    ------
    OptionError
        If it is anything else.
    """
    number = _number(value)
    return number if low <= number <= high else _refuse(option, value, f"a number from {low:g} to {high:g}")


def _number(value: object) -> float:
    """Return the value as a float; NaN, which no range holds, where it is no finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return math.nan
    return float(value)


def _refuse(option: str, value: object, expected: str) -> NoReturn:
    raise OptionError(f"{option}={value!r:.80}", expected=expected, who=NAME)
