"""What a user may give to the models, checked before anything is made of it."""

from __future__ import annotations

import math

from alchemi_core.errors import OptionError

MOST_ACCURACY = 1e-2
"""Above this what is left out is no small correction any more, and estimates of it fail."""


def check_number(name: str, value: object, who: str, *, unit: str) -> float:
    """Return a positive finite number as a float.

    Raises
    ------
    OptionError
        If it is anything else.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not (0.0 < value < math.inf):
        raise OptionError(f"{name}={value!r}", expected=f"a positive number, {unit}".rstrip(", "), who=who)
    return float(value)


def check_flag(name: str, value: object, who: str) -> bool:
    """Return a bool, or raise `OptionError`."""
    if not isinstance(value, bool):
        raise OptionError(f"{name}={value!r}", expected="True or False", who=who)
    return value


def check_accuracy(value: object, who: str, least: float) -> float:
    """Return an accuracy that can be held, or raise `OptionError`.

    Parameters
    ----------
    value : object
        The option.
    who : str
        Name of the model.
    least : float
        What its arithmetic can reach.
    """
    accuracy = check_number("accuracy", value, who, unit="")
    if not least <= accuracy <= MOST_ACCURACY:
        raise OptionError(
            f"accuracy={value!r}",
            expected=f"a number from {least:g} to {MOST_ACCURACY:g}",
            who=who,
            fix="the model 'ewald' for more" if who == "pme" and accuracy < least else "",
        )
    return accuracy
