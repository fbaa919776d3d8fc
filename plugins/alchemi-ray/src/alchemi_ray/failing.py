"""Rows of the table of failures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alchemi_ray.atomic_numbers import formula_of

if TYPE_CHECKING:
    from alchemi_ray.dataset.reader import Entry


def failure_row(entry: Entry, error: BaseException) -> dict[str, Any]:
    """Return the row of a structure that has no results."""
    atoms = entry.record.atoms
    return {
        "number": entry.number,
        "source": entry.source,
        "index": entry.index,
        "digest": entry.record.digest,
        "formula": None if atoms is None else formula_of(atoms),
        "atoms": None if atoms is None else len(atoms),
        "error": type(error).__name__,
        "message": _storable(str(error)) or type(error).__name__,
    }


def _storable(text: str) -> str:
    """Return a text without what no file holds, such as half a pair of surrogates."""
    return text.encode(errors="backslashreplace").decode()
