"""Parquet files with a structure in each row; the columns are those of `alchemi_ray.layout`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from alchemi_core.errors import InputFileError
from alchemi_ray.dataset.record import Record
from alchemi_ray.structure_rows import atoms_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import Any

NEEDED = ("numbers", "positions")
TEXTS = ("info", "arrays", "constraints")
COLUMNS = (*NEEDED, "cell", "pbc", *TEXTS)

AT_ONCE = 256
"""Rows that are in memory together."""


def count_rows(path: Path) -> int:
    """Return how many structures there are.

    Raises
    ------
    InputFileError
        If columns are missing, or are of another kind.
    """
    with pq.ParquetFile(path) as file:
        names = file.schema_arrow.names
        if missing := [name for name in NEEDED if name not in names]:
            raise InputFileError(
                f"it has no column {missing[0]!r}, but {', '.join(names)}",
                expected="columns numbers and positions; cell, pbc, info, arrays and constraints where there are such",
                who=str(path),
            )
        _check_texts(path, file.schema_arrow)
        return int(file.metadata.num_rows)


def _check_texts(path: Path, schema: pa.Schema) -> None:
    """Refuse columns of another make under our names: a charge that is passed over would be another structure's."""
    for name in TEXTS:
        kind = schema.field(name).type if name in schema.names else pa.null()
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind)):
            raise InputFileError(
                f"its column {name!r} is {kind}",
                expected="text, a JSON object in each row, or null",
                who=str(path),
                fix=f"write json.dumps of each row, or rename the column where it is not meant as Atoms.{name}",
            )


def read_rows(path: Path, first: int, count: int) -> Iterator[Record]:
    """Read some structures; row groups before them are passed over unread."""
    with pq.ParquetFile(path) as file:
        groups, begin = _from(file, first)
        columns = [name for name in COLUMNS if name in file.schema_arrow.names]
        number, end = begin, first + count
        for batch in file.iter_batches(AT_ONCE, row_groups=groups, columns=columns):
            if number + len(batch) > first:
                part = batch.slice(max(0, first - number), end - max(first, number))
                yield from map(_record, part.to_pylist())
            number += len(batch)
            if number >= end:
                return


def _from(file: pq.ParquetFile, first: int) -> tuple[list[int], int]:
    """Return the row groups from the one with this row on, and the number of their first row."""
    begin = 0
    for group in range(file.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        if begin + rows > first:
            return list(range(group, file.num_row_groups)), begin
        begin += rows
    return [], begin


def _record(row: Mapping[str, Any]) -> Record:
    try:
        return Record.of(atoms_of(row))
    except Exception as error:  # noqa: BLE001 - whatever does not fit together in a row is its reason
        return Record.unreadable(error)
