"""Numbers as people read them: grouped digits, true minus signs, powers of ten written as such."""

from __future__ import annotations

import math

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
THIN = "\u202f"
"""Narrow space between groups of three digits, at which no line breaks."""

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
SHORT = 59.95
"""Seconds that are not rounded to a minute."""


def count(number: float) -> str:
    """Return a whole number, its digits in groups."""
    return f"{number:,.0f}".replace(",", THIN).replace("-", "−")


def counted(number: int, noun: str, several: str = "") -> str:
    """Return a number with what it counts."""
    return f"{count(number)} {noun if number == 1 else several or noun + 's'}"


def figure(value: float | None, digits: int = 4) -> str:
    """Return a value with so many digits; a dash where there is none."""
    if value is None or math.isnan(value):
        return "–"
    if value == 0.0 or math.isinf(value):
        return "0" if value == 0.0 else "∞" if value > 0.0 else "−∞"
    power = math.floor(math.log10(abs(float(f"{value:.{digits - 1}e}"))))
    if -4 <= power < 6:
        return f"{value:,.{max(0, digits - 1 - power)}f}".replace(",", THIN).replace("-", "−")
    return f"{value / 10.0**power:.{digits - 1}f}×{power_of_ten(power)}".replace("-", "−")


def power_of_ten(power: int) -> str:
    """Return a power of ten as it is written."""
    return "10" + str(power).translate(SUPERSCRIPTS)


def percent(part: float, whole: float) -> str:
    """Return a share in percent; a small one is not rounded to nothing, nor a large one to all."""
    if not whole:
        return "–"
    share = 100.0 * part / whole
    if 0.0 < share < 0.1:
        return "< 0.1 %"
    return "> 99.9 %" if 99.9 < share < 100.0 else f"{share:.1f} %"


def duration(seconds: float) -> str:
    """Return a time in the two largest units that it has."""
    if seconds < SHORT:
        return f"{figure(seconds, 3)} s"
    for large, small, names in ((DAY, HOUR, ("d", "h")), (HOUR, MINUTE, ("h", "min")), (MINUTE, 1.0, ("min", "s"))):
        if round(seconds / small) * small >= large:
            wholes, rest = divmod(round(seconds / small), round(large / small))
            return f"{wholes} {names[0]} {rest} {names[1]}"
    return f"{seconds:.0f} s"


def with_decimals(value: float, decimals: int) -> str:
    """Return a value with so many decimals, its digits in groups."""
    return f"{value + 0.0:,.{decimals}f}".replace(",", THIN).replace("-", "−")
