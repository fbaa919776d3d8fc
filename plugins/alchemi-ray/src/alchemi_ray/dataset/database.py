"""Databases of ASE: SQLite (``.db``) and JSON (``.json``)."""

from __future__ import annotations

import sqlite3
from array import array
from typing import TYPE_CHECKING, Any, cast

import ase.db

from alchemi_ray.dataset.places import STRIDE
from alchemi_ray.dataset.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ase import Atoms

PLAIN = (str, bool, int, float)


def survey_rows(path: Path) -> tuple[int, tuple[int, ...]]:
    """Return how many structures there are, and the number in the database of the first of each `STRIDE`."""
    numbers = array("q", sorted(_rows_of_json(path)) if _is_json(path) else _ids(path))
    return len(numbers), tuple(numbers[::STRIDE])


def read_rows(path: Path, begin: int, skip: int, count: int) -> Iterator[Record]:
    """Read some structures, in the order of their numbers in the database: from one on, without the first there."""
    if _is_json(path):
        # ASE reads such a database whole, at each call.
        rows = _rows_of_json(path)
        numbers = [number for number in sorted(rows) if number >= begin][skip : skip + count]
    else:
        rows = ase.db.connect(path)
        numbers = _numbers(path, begin, skip, count)
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


def _ids(path: Path) -> Iterator[int]:
    return _sqlite(path, "SELECT id FROM systems ORDER BY id")


def _numbers(path: Path, begin: int, skip: int, count: int) -> list[int]:
    words = "SELECT id FROM systems WHERE id >= ? ORDER BY id LIMIT ? OFFSET ?"
    return list(_sqlite(path, words, begin, count, skip))


def _sqlite(path: Path, words: str, *values: int) -> Iterator[int]:
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    try:
        yield from (row[0] for row in connection.execute(words, values))
    finally:
        connection.close()


def _atoms(row: Any) -> Atoms:
    """Return a structure with its key-value pairs, and plain values of its data, as ``info``."""
    atoms = row.toatoms()
    data = {key: value for key, value in row.data.items() if isinstance(value, PLAIN)}
    atoms.info = {**data, **row.key_value_pairs}
    return cast("Atoms", atoms)
