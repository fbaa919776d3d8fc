"""A number with its standard error as text, rounded to what the error leaves."""

from __future__ import annotations

import math

MOST = 9


def with_error(value: float, error: float) -> str:
    """Return such as ``−1.2340 ± 0.0023``: the error in two digits, the number to the same place.

    Examples
    --------
    >>> print(with_error(-1.23402, 0.00228))
    −1.2340 ± 0.0023
    >>> print(with_error(3512.4, 120.0))
    3510 ± 120
    """
    places = places_of(error)
    shown = [round(number, places) if places < 0 else number for number in (value, error)]
    texts = [f"{number:.{max(places, 0)}f}" for number in shown]
    return " ± ".join(texts).replace("-", "−")


def places_of(error: float) -> int:
    """Return the decimal place of the second digit of an error, negative for those before the point."""
    if not (error > 0.0 and math.isfinite(error)):
        return 6
    return min(MOST, 1 - math.floor(math.log10(error)))
