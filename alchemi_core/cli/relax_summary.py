"""What a relaxation came to: start beside end."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from alchemi_core.cli.tables import Column, show_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from alchemi_core.cli.relax_outcome import Outcome
    from alchemi_core.cli.snapshot import Snapshot

CELL = (
    ("a", "Å", ".4f"),
    ("b", "Å", ".4f"),
    ("c", "Å", ".4f"),
    ("α", "°", ".2f"),
    ("β", "°", ".2f"),
    ("γ", "°", ".2f"),
)


def show_summary(outcome: Outcome, folder: Path) -> None:
    """Print start, end and change of energy in all and per term, of forces and stress, and of the cell."""
    first, last = outcome.steps[0].snapshot, outcome.steps[-1].snapshot
    columns = (
        Column(""),
        Column("unit"),
        Column("start", number=True),
        Column("end", number=True),
        Column("change", number=True),
    )
    sys.stdout.write("\n")
    show_table("", columns, list(_rows(first, last)))
    sys.stdout.write(f"{outcome.sentence}; wrote {folder}\n")


def _rows(first: Snapshot, last: Snapshot) -> Iterator[tuple[str, str, str, str, str]]:
    yield _row("energy", "eV", first.energy, last.energy, ".6f")
    for label in first.terms if len(first.terms) > 1 else ():
        yield _row(f"  {label}", "eV", first.terms[label], last.terms[label], ".6f")
    yield _row("max force", "eV/Å", first.max_force, last.max_force, ".5f")
    yield from _optional("max stress", "GPa", first.max_stress, last.max_stress, ".4f")
    if first.cell is not None and last.cell is not None:
        for (name, unit, form), before, after in zip(CELL, first.cell, last.cell, strict=True):
            yield _row(name, unit, float(before), float(after), form)
    yield from _optional("volume", "Å³", first.volume, last.volume, ".3f")


def _optional(
    name: str, unit: str, first: float | None, last: float | None, form: str
) -> Iterator[tuple[str, str, str, str, str]]:
    if first is not None and last is not None:
        yield _row(name, unit, first, last, form)


def _row(name: str, unit: str, first: float, last: float, form: str) -> tuple[str, str, str, str, str]:
    return name, unit, shown(first, form), shown(last, form), shown(last - first, "+" + form)


def shown(value: float, form: str) -> str:
    """Return a number as text; one that rounds to zero has no minus sign."""
    text = format(value, form)
    return format(0.0, form) if float(text) == 0.0 else text
