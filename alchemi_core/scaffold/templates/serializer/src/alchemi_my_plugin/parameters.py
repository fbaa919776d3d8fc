"""What a file may say, whoever wrote it: the parameters by name, and between which bounds they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# FILL IN: your parameters; the largest values keep a file from asking for more memory than there is
LARGEST = {"depth": 1e3, "steepness": 10.0, "distance": 10.0, "cutoff": 50.0}
"""Parameters and their largest values, in eV, 1/Å, Å and Å; all are above zero."""


def fault(given: Mapping[str, object]) -> str:
    """Return what is wrong with parameters, in one line; empty where nothing is."""
    if given.keys() != LARGEST.keys():
        return f"the parameters are {', '.join(sorted(map(str, given)))[:80] or 'none'}"
    for name, value in given.items():
        if type(value) is not float or not 0.0 < value <= LARGEST[name]:
            return f"{name} is {value!r:.80}"
    return ""


def expected() -> str:
    """Return what would be right, in one line."""
    return ", ".join(f"{name} above 0.0 and up to {most}" for name, most in LARGEST.items())
