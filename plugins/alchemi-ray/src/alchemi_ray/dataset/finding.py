"""From words of the command line to files: names, folders and patterns."""

from __future__ import annotations

import glob
import json
from pathlib import Path
from typing import TYPE_CHECKING

from alchemi_core.errors import InputFileError, OptionError, nearest
from alchemi_ray.layout import Layout
from alchemi_ray.ledger import read_ledger

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

KINDS = {".extxyz": "extxyz", ".xyz": "extxyz", ".db": "database", ".json": "database", ".parquet": "parquet"}
COMPRESSED = (".gz", ".bz2", ".xz")
EXPECTED = ".extxyz or .xyz (also .gz, .bz2, .xz), .db or .json of ASE, .parquet"


def find_files(words: Iterable[str]) -> list[Path]:
    """Return the files of a dataset, in order: as given, those of a folder or pattern by name.

    Parameters
    ----------
    words : iterable of str
        Each a file, a folder, or a pattern with ``*``, ``?`` or ``[...]``. Of the folder of a run it is the results.

    Raises
    ------
    InputFileError
        If there is no such file, one of a format that is not read in a stream, or the folder of a run that is not done.
    OptionError
        If a file is named twice: each structure counts once.
    """
    found = [path for word in words for path in _files(word)]
    seen: dict[Path, Path] = {}
    for path in found:
        if path.resolve() in seen:
            raise OptionError(f"{path} is named twice", expected="each file once", who="DATASET")
        seen[path.resolve()] = path
    return found


def kind_of(path: Path) -> str | None:
    """Return how a file is read; None where it is not."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSED:
        return "extxyz" if KINDS.get(suffixes[-2] if len(suffixes) > 1 else "") == "extxyz" else None
    return KINDS.get(suffixes[-1]) if suffixes else None


def _files(word: str) -> Iterator[Path]:
    path = Path(word)
    if path.is_dir():
        yield from _in_folder(path)
    elif path.exists():
        yield _known(path)
    elif matches := sorted(glob.glob(word)):  # noqa: PTH207 - a pattern may begin at the root
        yield from (_known(Path(match)) for match in matches)
    else:
        raise InputFileError("there is no such file", who=word, fix=_neighbour(path))


def _in_folder(folder: Path) -> Iterator[Path]:
    layout = Layout(folder)
    if layout.record.is_file() and layout.ledger.is_file():
        yield from _of_run(layout)
        return
    found = sorted(one for one in folder.iterdir() if one.is_file() and kind_of(one) and not one.name.startswith("."))
    if not found:
        raise InputFileError("there are no structures in this folder", expected=f"files {EXPECTED}", who=str(folder))
    yield from found


def _of_run(layout: Layout) -> Iterator[Path]:
    """Yield the results of a run, as its ledger has them: other files there are of shards that are not done."""
    status = json.loads(layout.record.read_text(encoding="utf-8")).get("status")
    if status != "done":
        raise InputFileError(
            f"this run is not done, but {status}",
            expected="all its results",
            who=str(layout.folder),
            fix=f"alchemi map --resume {layout.folder}; or {layout.results_folder} for those that are there",
        )
    lines = sorted(read_ledger(layout.ledger), key=lambda line: line.shard)
    yield from (layout.folder / line.results.file for line in lines)


def _known(path: Path) -> Path:
    if kind_of(path) is None:
        raise InputFileError(
            f"files {path.suffix or 'without an ending'} are not read in a stream",
            expected=EXPECTED,
            who=str(path),
            fix=f"ase convert {path} {path.with_suffix('.extxyz').name}",
        )
    return path


def _neighbour(path: Path) -> str:
    folder = path.parent
    close = nearest(path.name, (one.name for one in folder.iterdir())) if folder.is_dir() else None
    return f"did you mean {folder / close}?" if close else ""
