"""Databases of ASE: SQLite (``.db``) and JSON (``.json``)."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, cast

import ase.db

from alchemi_ray.dataset.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ase import Atoms

PLAIN = (str, bool, int, float)


def count_rows(path: Path) -> int:
    """Return how many structures there are."""
    return len(_rows_of_json(path)) if _is_json(path) else _sqlite(path, "SELECT COUNT(*) FROM systems")[0][0]


def read_rows(path: Path, first: int, count: int) -> Iterator[Record]:
    """Read some structures, in the order of their numbers in the database."""
    if _is_json(path):
        # ASE reads such a database whole, at each call.
        rows = _rows_of_json(path)
        numbers = sorted(rows)[first : first + count]
    else:
        rows = ase.db.connect(path)
        numbers = _numbers(path, first, count)
    for number in numbers:
        try:
            row = rows[number] if isinstance(rows, dict) else rows.get(id=number)
            yield Record.of(_atoms(row))
        except Exception as error:  # noqa: BLE001 - whatever ASE makes of a damaged row is its reason
            yield Record.unreadable(error)


def _is_json(path: Path) -> bool:
    return path.suffix.lower() == ".json"


def _rows_of_json(path: Path) -> dict[int, Any]:
    return {row.id: row for row in ase.db.connect(path).select()}


def _numbers(path: Path, first: int, count: int) -> list[int]:
    return [row[0] for row in _sqlite(path, "SELECT id FROM systems ORDER BY id LIMIT ? OFFSET ?", count, first)]


def _sqlite(path: Path, words: str, *values: int) -> list[tuple[int, ...]]:
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    try:
        return connection.execute(words, values).fetchall()
    finally:
        connection.close()


def _atoms(row: Any) -> Atoms:
    """Return a structure with its key-value pairs, and plain values of its data, as ``info``."""
    atoms = row.toatoms()
    data = {key: value for key, value in row.data.items() if isinstance(value, PLAIN)}
    atoms.info = {**data, **row.key_value_pairs}
    return cast("Atoms", atoms)
