"""Tables: results and failures as Arrow, and as the files they are kept in."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from alchemi_ray.digests import MARK
from alchemi_ray.frames_of_results import frame_of
from alchemi_ray.readable import readable_text
from alchemi_ray.schema import FAILURES, schema_of
from alchemi_ray.structure_rows import row_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from alchemi_ray.dataset.reader import Entry
    from alchemi_ray.tasks.answer import Answer
    from alchemi_ray.tasks.settings import Settings

COMPRESSION = "zstd"
REPEATED = ["source"]
"""Columns with few different values. A dictionary of all others, which never repeat, is tried and given up, and costs
more than everything else in writing a file."""


def content_of(found: Sequence[tuple[Entry, Answer]], settings: Settings, run: str) -> bytes:
    """Return results as a worker hands them over: an Arrow stream, or extended XYZ."""
    if settings.form == "extxyz":
        return "".join(readable_text(frame_of(entry, answer, run)) for entry, answer in found).encode()
    schema = schema_of(settings)
    table = pa.Table.from_pylist([_row(entry, answer, schema) for entry, answer in found], schema=schema)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue())


def write_results(path: Path, content: Iterable[bytes], settings: Settings, provenance: Mapping[str, Any]) -> None:
    """Write the results of a shard to a file that is new."""
    if settings.form == "extxyz":
        with path.open("wb") as file:
            file.writelines(content)
        return
    schema = schema_of(settings).with_metadata({MARK: json.dumps(provenance)})
    with (
        path.open("wb") as file,
        pq.ParquetWriter(file, schema, compression=COMPRESSION, use_dictionary=REPEATED) as writer,
    ):
        for part in content:
            for batch in pa.ipc.open_stream(io.BytesIO(part)):
                writer.write_batch(batch.replace_schema_metadata(schema.metadata))


def write_failures(path: Path, rows: Sequence[Mapping[str, Any]], provenance: Mapping[str, Any]) -> None:
    """Write the failures of a shard to a file that is new."""
    schema = FAILURES.with_metadata({MARK: json.dumps(provenance)})
    with path.open("wb") as file:
        pq.write_table(pa.Table.from_pylist([dict(row) for row in rows], schema=schema), file, compression=COMPRESSION)


def _row(entry: Entry, answer: Answer, schema: pa.Schema) -> dict[str, Any]:
    columns = {name: _plain(value) for name, value in answer.columns.items() if name in schema.names}
    identity = {"number": entry.number, "source": entry.source, "index": entry.index, "digest": entry.record.digest}
    return {**identity, **row_of(answer.atoms), **columns}


def _plain(value: Any) -> Any:
    """Return a value as Arrow takes it: lists, and pairs for what is by label."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return [(label, _plain(one)) for label, one in value.items()]
    return value
