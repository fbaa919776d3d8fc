"""Rows of files of results in Parquet: only what is needed is read, some structures at a time."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alchemi_ray.report.measures import OUTPUT, TERM
from alchemi_ray.report.rows import ROWS, Columns, Rows, of_each

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from alchemi_ray.report.measures import Measure

WHERE = ("number", "source", "index", "numbers")
READ = {
    "energy_per_atom": ("energy",),
    "max_force": ("forces",),
    "pressure": ("stress",),
    "atoms": (),
    "energy_change": ("energy", "energy_before"),
    "force_left": ("converged", "largest_force"),
}
"""Columns that a measure is made of, where it is not one of them."""


def parquet_rows(path: Path, measures: Sequence[Measure]) -> Iterator[Rows]:
    """Read a file.

    Parameters
    ----------
    path : Path
        Of the results of one shard.
    measures : sequence of Measure
        What is wanted of each structure.

    Raises
    ------
    OSError, pyarrow.ArrowInvalid
        If it cannot be read.
    """
    with pq.ParquetFile(path) as file:
        there = set(file.schema_arrow.names)
        wanted = [name for name in dict.fromkeys((*WHERE, *_columns(measures))) if name in there]
        for batch in file.iter_batches(batch_size=ROWS, columns=wanted):
            yield _rows(batch, measures)


def _columns(measures: Sequence[Measure]) -> Iterator[str]:
    for measure in measures:
        if measure.name.startswith(TERM):
            yield "energy_terms"
        else:
            yield from READ.get(measure.name, (measure.name.removeprefix(OUTPUT),))


def _rows(batch: pa.RecordBatch, measures: Sequence[Measure]) -> Rows:
    elements = batch["numbers"]
    return Rows(
        batch["number"].to_numpy(zero_copy_only=False),
        batch["index"].to_numpy(zero_copy_only=False),
        batch["source"].to_pylist(),
        lambda row: elements[row].as_py(),
        ArrowColumns(batch).values(measures),
    )


class ArrowColumns(Columns):
    """Columns of one batch.

    Parameters
    ----------
    batch : RecordBatch
        As read.
    """

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.batch = batch
        self.atoms = _lengths(batch["numbers"])

    @cached_property
    def _absent(self) -> np.ndarray:
        return np.full(self.batch.num_rows, np.nan)

    def _column(self, name: str) -> pa.Array | None:
        return self.batch[name] if name in self.batch.schema.names else None

    def number(self, name: str) -> np.ndarray:
        """Return one number of each structure, shape [n]."""
        column = self._column(name)
        return self._absent if column is None else _floats(column)

    def largest(self, name: str, *, vectors: bool) -> np.ndarray:
        """Return the largest size of each structure: of its vectors, or of all its numbers."""
        column = self._column(name)
        if column is None:
            return self._absent
        if not pa.types.is_list(column.type):
            return np.asarray(np.abs(_floats(column)))
        if vectors:
            return of_each(np.maximum, _norms(column.flatten()), _lengths(column))
        counts, flat = _flattened(column)
        return of_each(np.maximum, np.abs(_floats(flat)), counts)

    def trace(self, name: str) -> np.ndarray:
        """Return the sum of the first three of six components."""
        column = self._column(name)
        if column is None:
            return self._absent
        found = self._absent.copy()
        found[_lengths(column) > 0] = _floats(column.flatten()).reshape(-1, 6)[:, :3].sum(1)
        return found

    def term(self, label: str) -> np.ndarray:
        """Return the energy of a step, eV."""
        column = self._column("energy_terms")
        return self._absent if column is None else _floats(pc.map_lookup(column, pa.scalar(label), "first"))


def _lengths(column: pa.Array) -> np.ndarray:
    """Return how long each list is; 0 where there is none."""
    return np.asarray(pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False))


def _floats(column: pa.Array) -> np.ndarray:
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False))


def _norms(vectors: pa.Array) -> np.ndarray:
    """Return the lengths of vectors that have any number of components each."""
    lengths = _lengths(vectors)
    return np.asarray(np.sqrt(of_each(np.add, _floats(vectors.flatten()) ** 2, lengths)))


def _flattened(column: pa.Array) -> tuple[np.ndarray, pa.Array]:
    """Return how many numbers each row has, however deep they lie, and all of them."""
    lengths, inner = _lengths(column), column.flatten()
    if not pa.types.is_list(inner.type):
        return lengths, inner
    counts, flat = _flattened(inner)
    return np.nan_to_num(of_each(np.add, counts.astype(float), lengths)).astype(int), flat
