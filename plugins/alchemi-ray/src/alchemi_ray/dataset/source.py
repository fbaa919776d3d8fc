"""Source: one file of a dataset, surveyed once, so that any part of it can be read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.cli.provenance import checksum
from alchemi_core.errors import InputFileError
from alchemi_ray.dataset import database, parquet
from alchemi_ray.dataset.finding import kind_of
from alchemi_ray.dataset.places import STRIDE
from alchemi_ray.dataset.record import reading
from alchemi_ray.dataset.xyz import survey_frames

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

OF_READING = ("modified", "places", "stride")
"""What nobody but a reader wants to know."""


def _places(values: Iterable[int]) -> tuple[int, ...]:
    return tuple(values)


@attrs.frozen
class Source:
    """One file.

    Parameters
    ----------
    source : str
        As it was named.
    path : str
        Absolute.
    kind : {"extxyz", "database", "parquet"}
        How it is read.
    bytes : int
        Its size.
    sha256 : str
        Of the file.
    structures : int
        How many there are, those that cannot be read included.
    modified : int, ns
        When it was last written to.
    places : tuple of int
        Where each `stride`-th structure begins: of extended XYZ in bytes of the uncompressed file, of a database its
        number there; none of Parquet, whose row groups tell.
    """

    source: str
    path: str
    kind: str
    bytes: int
    sha256: str
    structures: int
    modified: int = 0
    places: tuple[int, ...] = attrs.field(converter=_places, default=())
    stride: int = STRIDE

    @classmethod
    def survey(cls, path: Path) -> Source:
        """Read a file in a stream, for its checksum, and again for the places of its structures.

        Raises
        ------
        InputFileError
            If it cannot be read as what its name says, or its name is no text.
        """
        _check_name(path.resolve())
        kind, places = str(kind_of(path)), tuple[int, ...]()
        _check_settled(path)
        with reading(path, kind):
            found, digest = path.stat(), checksum(path)
            if kind == "parquet":
                count = parquet.count_rows(path)
            else:
                count, places = survey_frames(path) if kind == "extxyz" else database.survey_rows(path)
        whole = str(path.resolve())
        return cls(str(path), whole, kind, found.st_size, digest, count, found.st_mtime_ns, places)

    def place(self, index: int) -> tuple[int, int]:
        """Return where to begin for a structure, and how many to pass over there."""
        if not self.places:
            return index, 0
        return self.places[index // self.stride], index % self.stride

    def described(self) -> dict[str, Any]:
        """Return what ``run.json`` says of it."""
        return {name: value for name, value in attrs.asdict(self).items() if name not in OF_READING}

    def has_changed(self) -> bool:
        """Tell whether the file is another one now; its size is looked at first."""
        path = Path(self.path)
        return (
            not path.is_file()
            or _is_unsettled(path)
            or path.stat().st_size != self.bytes
            or checksum(path) != self.sha256
        )

    def check_unchanged(self) -> None:
        """Refuse the file where it is another one now.

        Raises
        ------
        InputFileError
            If it is gone or has changed.
        """
        if self.has_changed():
            raise InputFileError(
                "it was changed since the run began, or is not there any more",
                expected=f"{self.bytes} bytes with the SHA-256 digest {self.sha256}",
                who=self.path,
                fix="put the file back, or start a run of its own",
            )

    def is_untouched(self) -> bool:
        """Tell whether nobody wrote to the file, which a look at its size and time tells."""
        path = Path(self.path)
        found = path.stat()
        return (found.st_size, found.st_mtime_ns) == (self.bytes, self.modified) and not _is_unsettled(path)

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Source:
        """Make it of what `attrs.asdict` wrote."""
        return cls(**stored)


def _is_unsettled(path: Path) -> bool:
    """Tell whether SQLite keeps changes beside a database, as it does in the mode called WAL."""
    beside = path.with_name(f"{path.name}-wal")
    return beside.is_file() and beside.stat().st_size > 0


def _check_settled(path: Path) -> None:
    if _is_unsettled(path):
        raise InputFileError(
            f"changes of it are still in {path.name}-wal, where no checksum of the database finds them",
            expected="a database that nobody is writing to",
            who=str(path),
            fix=f"end the program that writes to it, or: sqlite3 {path} 'PRAGMA wal_checkpoint(TRUNCATE)'",
        )


def _check_name(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise InputFileError(
            "its name is not UTF-8, so that no record can hold it",
            expected="a name of Unicode characters",
            who=ascii(str(path)),
            fix="rename it",
        ) from error
