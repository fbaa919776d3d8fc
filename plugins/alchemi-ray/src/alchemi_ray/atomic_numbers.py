"""Atomic numbers as files give them: whole, and of elements that there are."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.data import chemical_symbols

from alchemi_core.errors import InputFileError

if TYPE_CHECKING:
    from ase import Atoms

LARGEST = len(chemical_symbols) - 1
"""That of oganesson; 0 is ASE's X, an atom of no element."""


def whole_numbers(values: Any) -> np.ndarray:
    """Return atomic numbers as integers.

    Raises
    ------
    InputFileError
        If one is not whole, or of no element.
    """
    given = np.asarray(values, dtype=np.float64).reshape(-1)
    wrong = given[~((given >= 0) & (given <= LARGEST) & (given == np.round(given)))]
    if len(wrong):
        raise InputFileError(
            f"an atomic number is {wrong[0]:.15g}", expected=f"whole numbers from 0 to {LARGEST}", who="numbers"
        )
    return given.astype(np.int64)


def formula_of(atoms: Atoms) -> str:
    """Return the formula; numbers of no element stand in brackets, since a formula is to name what is wrong too."""
    counts = Counter(atoms.numbers.tolist())
    if all(number in range(LARGEST + 1) for number in counts):
        return str(atoms.get_chemical_formula(mode="hill"))
    return "".join(f"{_symbol(number)}{count if count > 1 else ''}" for number, count in sorted(counts.items()))


def _symbol(number: int) -> str:
    return chemical_symbols[number] if number in range(LARGEST + 1) else f"[{number}]"
