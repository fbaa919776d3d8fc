"""All failures of a run in one table for people."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from alchemi_core.atomic_write import replacing
from alchemi_core.cli.frames import naming_the_file
from alchemi_ray.schema import FAILURES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alchemi_ray.layout import Layout
    from alchemi_ray.ledger import Line


def write_all_failures(layout: Layout, lines: Iterable[Line]) -> None:
    """Write the failures of all shards that are done as CSV, in the order of the dataset; one shard is in memory."""
    path = layout.all_failures
    with naming_the_file(path), replacing(path) as draft, draft.open("x", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, FAILURES.names)
        table.writeheader()
        for line in sorted(lines, key=lambda one: one.shard):
            if line.failures is not None:
                table.writerows(pq.read_table(layout.folder / line.failures.file).to_pylist())
