"""Options, checked before anything is made of them."""

from __future__ import annotations

import math

from alchemi_core.errors import OptionError

from alchemi_my_plugin.hooks import NAME


def positive(option: str, value: object, unit: str) -> float:
    """Return the value of an option that must be a number above zero.

    Raises
    ------
    OptionError
        If it is anything else.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0.0 < float(value) < math.inf:  # type: ignore[arg-type]  # a number by now
        raise OptionError(f"{option}={value!r:.80}", expected=f"a number above zero, {unit}", who=NAME)
    return float(value)  # type: ignore[arg-type]
