"""Reading structures and packing results, by structure and atom; bytes of formats; what passing over others costs."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ase.db
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from alchemi_ray.dataset.reader import Entry, Reader
from alchemi_ray.dataset.record import Record
from alchemi_ray.dataset.shard import Piece, Shard
from alchemi_ray.dataset.source import Source
from alchemi_ray.structure_rows import row_of
from alchemi_ray.tables import content_of
from alchemi_ray.tasks.answer import Answer
from alchemi_ray.tasks.settings import Settings
from ase import Atoms
from ase.io.extxyz import write_xyz
from scaling_batches import processor
from scaling_fit import Fit, fit
from structures_10k import structures

SETTINGS = Settings(task="singlepoint", outputs=("energy", "forces", "stress"))
COLUMNS = pa.schema(
    [
        ("numbers", pa.list_(pa.int32())),
        ("positions", pa.list_(pa.list_(pa.float64()))),
        ("cell", pa.list_(pa.list_(pa.float64()))),
        ("pbc", pa.list_(pa.bool_())),
        ("info", pa.string()),
        ("arrays", pa.string()),
        ("constraints", pa.string()),
    ]
)
GROUP = 60
"""Structures of about one size that are read together."""


def write_extxyz(path: Path, chosen: Sequence[Atoms]) -> None:
    """Write extended XYZ, compressed where the name says so."""
    opener: Any = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt") as file:
        for atoms in chosen:
            write_xyz(file, atoms)


def write_database(path: Path, chosen: Sequence[Atoms]) -> None:
    """Write a database of ASE, in one transaction."""
    with ase.db.connect(path) as database:
        for atoms in chosen:
            database.write(atoms, key_value_pairs={"name": f"of {atoms.info['name']}"})


def write_parquet(path: Path, chosen: Sequence[Atoms], group: int = 1000) -> None:
    """Write Parquet with row groups of some structures."""
    pq.write_table(
        pa.Table.from_pylist([row_of(atoms) for atoms in chosen], schema=COLUMNS),
        path,
        compression="zstd",
        row_group_size=group,
    )


FORMATS: dict[str, Callable[[Path, Sequence[Atoms]], None]] = {
    "extxyz": write_extxyz,
    "extxyz.gz": write_extxyz,
    "db": write_database,
    "parquet": write_parquet,
}


def reading(folder: Path) -> dict[str, dict[str, Any]]:
    """Return, of each format, the time to read and to survey, and the bytes of a structure and an atom."""
    pool = sorted(structures(1500), key=len)
    groups = [pool[start : start + GROUP] for start in range(0, len(pool) - GROUP, 2 * GROUP)]
    return {form: _of_format(folder, form, groups) for form in FORMATS}


def _of_format(folder: Path, form: str, groups: Sequence[Sequence[Atoms]]) -> dict[str, Any]:
    reads, surveys, sizes = [], [], []
    for number, chosen in enumerate(groups):
        path = folder / f"{number}.{form}"
        FORMATS[form](path, chosen)
        source, units = Source.survey(path), _units(chosen)
        reads.append({**units, "seconds": processor(lambda source=source: read(source, 0, source.structures))})
        surveys.append({**units, "seconds": processor(lambda path=path: Source.survey(path))})
        sizes.append({**units, "seconds": float(path.stat().st_size)})
    found = {"read": fit(reads), "survey": fit(surveys), "bytes": fit(sizes)}
    return {name: one.described() for name, one in found.items()}


def _units(chosen: Sequence[Atoms]) -> dict[str, float]:
    return {"structure": len(chosen), "atom": sum(map(len, chosen))}


def read(source: Source, first: int, count: int) -> list[Entry]:
    """Read some structures of a file as a worker does."""
    reader = Reader((source,))
    try:
        return list(reader.read(Shard(0, first, (Piece(0, first, count, *source.place(first)),))))
    finally:
        reader.close()


def passing_over(folder: Path, count: int = 5_000) -> dict[str, float]:
    """Return seconds for each structure that is passed over to get to one further down."""
    chosen = list(structures(count))
    paths = {form: folder / f"long.{form}" for form in FORMATS}
    for form in ("extxyz.gz", "db"):
        FORMATS[form](paths[form], chosen)
    write_parquet(paths["parquet"], chosen, group=count)
    return {form: _passing(Source.survey(paths[form])) for form in ("extxyz.gz", "db", "parquet")}


def _passing(source: Source) -> float:
    last = source.structures - 10
    times = [processor(lambda first=first: read(source, first, 10)) for first in (0, last)]
    return max(0.0, times[1] - times[0]) / last


def answered(chosen: Sequence[Atoms]) -> list[tuple[Entry, Answer]]:
    """Return structures with results of the usual shape; their values do not matter to the time of packing."""
    random = np.random.default_rng(0)
    found = []
    for number, atoms in enumerate(chosen):
        columns: dict[str, Any] = {"energy": float(random.normal()), "forces": random.normal(size=(len(atoms), 3))}
        columns["stress"] = random.normal(size=6) if atoms.cell.rank == 3 else None
        columns["energy_terms"] = {"lennard-jones": 0.1, "dftd3": -0.2}
        found.append((Entry(number, "set.extxyz", number, Record.of(atoms.copy())), Answer(atoms, columns)))
    return found


def packing() -> dict[str, Any]:
    """Return the time to turn results into an Arrow stream, and its bytes."""
    pool = sorted(structures(1500), key=len)
    times, sizes = [], []
    for start in range(0, len(pool) - GROUP, 2 * GROUP):
        chosen = pool[start : start + GROUP]
        found = answered(chosen)
        times.append({**_units(chosen), "seconds": processor(lambda found=found: content_of(found, SETTINGS, "0"))})
        sizes.append({**_units(chosen), "seconds": float(len(content_of(found, SETTINGS, "0")))})
    time, size = fit(times), fit(sizes)
    return {"pack": time.described(), "bytes": size.described()}


def show(read: dict[str, dict[str, Any]], packed: dict[str, Any], passed: dict[str, float]) -> None:
    """Print what was found."""
    for form, of in read.items():
        print(Fit(**of["read"]).line(f"read {form}"))
        print(Fit(**of["survey"]).line(f"survey {form}"))
        size = of["bytes"]["seconds"]
        print(f"  size {form:<23} {size['structure']:8.0f} B/structure {size['atom']:8.1f} B/atom")
    print(Fit(**packed["pack"]).line("pack results"))
    size = packed["bytes"]["seconds"]
    print(f"  size of results, Arrow       {size['structure']:8.0f} B/structure {size['atom']:8.1f} B/atom")
    for form, seconds in passed.items():
        print(f"  passing over {form:<15} {1e6 * seconds:10.3f} µs for each structure before")
