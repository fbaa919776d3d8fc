"""Ledger: one line for each shard that is done; a line that is there counts, and nothing else does."""

from __future__ import annotations

import fcntl
import json
import os
from typing import TYPE_CHECKING, Any, Self

import attrs

from alchemi_core.cli.frames import naming_the_file
from alchemi_core.errors import InputFileError, OptionError
from alchemi_ray.own_files import own_files

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from alchemi_ray.layout import Layout


@attrs.frozen
class File:
    """A file of a shard.

    Parameters
    ----------
    file : str
        Relative to the folder of the run.
    bytes : int
        Its size.
    sha256 : str
        Of the file.
    """

    file: str
    bytes: int
    sha256: str


@attrs.frozen(kw_only=True)
class Line:
    """What the ledger says of a shard, see `alchemi_ray.layout`."""

    shard: int
    first: int
    structures: int
    done: int
    failed: int
    not_converged: int
    atoms: int
    seconds: float
    started: str
    finished: str
    worker: str
    host: str
    attempts: int
    errors: Mapping[str, int]
    results: File
    failures: File | None

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Line:
        """Make it of what a line holds."""
        files = {name: stored[name] and File(**stored[name]) for name in ("results", "failures")}
        return cls(**{**stored, **files})


class Ledger:
    """The ledger of a run that is going on, held so that no second process goes on with the same run.

    Parameters
    ----------
    path : Path
        The file; made where it is not there.

    Raises
    ------
    OptionError
        If another process holds it.
    AlchemiError
        If it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with naming_the_file(path):
            self._file = path.open("ab", buffering=0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise _busy(path) from error
        if not path.exists() or not os.path.samestat(path.stat(), os.fstat(self._file.fileno())):
            self._file.close()
            raise _busy(path)  # the file was removed between its opening and its lock
        self._size = self._cut_off()

    @classmethod
    def of_run(cls, layout: Layout) -> Ledger:
        """Hold the ledger of a run that there is.

        Raises
        ------
        InputFileError
            If there is no run, or its ledger is gone, by which results would be taken for leftovers.
        """
        if not layout.shards.is_file():
            raise InputFileError(
                f"it holds no run of alchemi map: there is no {layout.shards.name}",
                expected="the folder that --out named",
                who=str(layout.folder),
            )
        if not layout.ledger.is_file() and any(map(own_files, (layout.results_folder, layout.failures_folder))):
            raise InputFileError(
                f"there are results but no {layout.ledger.name}, which says which of them are whole",
                expected="the folder as the run left it",
                who=str(layout.folder),
                fix="put it back; or begin again, with --overwrite",
            )
        return cls(layout.ledger)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the next process at it."""
        self._file.close()

    def discard(self) -> None:
        """Remove the ledger of a run that did not begin, and let the next process at the folder."""
        self._path.unlink(missing_ok=True)
        self.close()

    def empty(self) -> None:
        """Take all lines away, for a run that begins anew; it stays held throughout."""
        with naming_the_file(self._path):
            self._file.truncate(0)
        self._size = 0

    def add(self, line: Line) -> None:
        """Add a line and bring it to the disk, whole or not at all.

        Raises
        ------
        AlchemiError
            If there is no room for it.
        """
        rest = memoryview(json.dumps(attrs.asdict(line)).encode() + b"\n")
        whole = self._size + len(rest)
        try:
            with naming_the_file(self._path):
                while rest:
                    rest = rest[self._file.write(rest) :]
                os.fsync(self._file.fileno())
        except BaseException:
            self._file.truncate(self._size)
            raise
        self._size = whole

    def _cut_off(self) -> int:
        """Take away a last line that was not written to its end, and return what is left in bytes."""
        content = self._path.read_bytes()
        size = content.rfind(b"\n") + 1
        if size < len(content):
            with naming_the_file(self._path):
                self._file.truncate(size)
        return size


def _busy(path: Path) -> OptionError:
    return OptionError("another process is at work in this folder", expected="one run at a time", who=str(path.parent))


def read_ledger(path: Path) -> list[Line]:
    """Return the lines of a ledger, whole ones only.

    Raises
    ------
    InputFileError
        If it was changed, or is damaged.
    """
    if not path.is_file():
        return []
    content = path.read_bytes()
    try:
        words = content[: content.rfind(b"\n") + 1].decode().splitlines()
        lines = [Line.of(json.loads(word)) for word in words]
    except (ValueError, TypeError, KeyError) as error:
        raise _damaged(path, "a line of it cannot be read") from error
    _check_once(path, lines)
    return lines


def _check_once(path: Path, lines: Sequence[Line]) -> None:
    numbers = [line.shard for line in lines]
    if len(set(numbers)) < len(numbers):
        raise _damaged(path, "a shard stands in it twice")


def _damaged(path: Path, found: str) -> InputFileError:
    return InputFileError(
        found,
        expected="the ledger as alchemi wrote it",
        who=str(path),
        fix="start the run again in another --out",
    )
