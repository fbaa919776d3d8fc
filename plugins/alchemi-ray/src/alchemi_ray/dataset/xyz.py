"""Extended XYZ, compressed or not, read by frames."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from array import array
from codecs import BOM_UTF8
from io import BufferedReader, StringIO
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from urllib.parse import unquote

import numpy as np
from ase.io.extxyz import read_xyz

from alchemi_core.errors import InputFileError
from alchemi_ray.constraints import constraints_of
from alchemi_ray.dataset.frames import frames, is_count
from alchemi_ray.dataset.places import STRIDE
from alchemi_ray.dataset.record import Record
from alchemi_ray.digests import MARK, digest_of_bytes, values_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from ase import Atoms

COMPRESSED = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}

BUFFER = 2**20
"""Bytes."""


def open_frames(path: Path) -> BinaryIO:
    """Open a file to read bytes, uncompressed as they come."""
    opener: Any = COMPRESSED.get(path.suffix.lower())
    # A buffer of our own: to go back by a line in a compressed file otherwise means to begin at its start.
    return path.open("rb") if opener is None else cast("BinaryIO", BufferedReader(opener(path, "rb"), BUFFER))


def survey_frames(path: Path) -> tuple[int, tuple[int, ...]]:
    """Return how many frames there are, and the place of the first of each `STRIDE` in bytes.

    Raises
    ------
    InputFileError
        If it does not begin as such a file.
    """
    count, places = 0, array("q")
    with open_frames(path) as stream:
        place = _begin(stream)
        stream.seek(place)
        _check_head(path, stream.readline(BUFFER))
        stream.seek(place)
        for frame in frames(stream):
            if count % STRIDE == 0:
                places.append(place)
            count, place = count + 1, place + len(frame)
    return count, tuple(places)


def _check_head(path: Path, line: bytes) -> None:
    if line and not is_count(line):
        raise InputFileError(
            "it does not begin with a number of atoms", expected="a file of extended XYZ", who=str(path)
        )


def _begin(stream: BinaryIO) -> int:
    """Return the place of the first line that is not blank, after the mark of UTF-8 that Windows editors write."""
    place = len(BOM_UTF8) if stream.read(len(BOM_UTF8)) == BOM_UTF8 else 0
    stream.seek(place)
    for line in stream:
        if line.strip():
            break
        place += len(line)
    return place


def read_frames(stream: BinaryIO, place: int, skip: int) -> Iterator[Record]:
    """Read from a place on, without the first frames there."""
    stream.seek(place)
    for number, frame in enumerate(frames(stream)):
        if number >= skip:
            yield record_of(frame)


def record_of(frame: bytes) -> Record:
    """Read one frame."""
    try:
        return Record.of(_atoms(frame))
    except Exception as error:  # noqa: BLE001 - whatever ASE makes of a damaged frame is its reason
        return Record.unreadable(error, digest_of_bytes(frame))


def _atoms(frame: bytes) -> Atoms:
    text = frame.decode()
    # Not splitlines: it breaks a line at characters that a comment may hold, such as U+2028.
    _check_count(text.rstrip().split("\n"))
    found = next(read_xyz(StringIO(text), index=0))
    for name, values in found.arrays.items():
        if values.dtype == object:  # as ASE has words by atom
            found.arrays[name] = np.array(values.tolist())
    own = found.info.pop(MARK, None)
    if isinstance(own, dict):
        _restore(found, own)
    return cast("Atoms", found)


def _restore(atoms: Atoms, own: Mapping[str, Any]) -> None:
    """Give back to a result of a run what extended XYZ itself does not keep, see `alchemi_ray.readable`."""
    if "constraints" in own:
        atoms.set_constraint(constraints_of(json.dumps(own["constraints"])))
    if "info" in own:
        atoms.info = values_of(unquote(own["info"]))


def _check_count(lines: Sequence[str]) -> None:
    """Refuse a frame that is shorter or longer than it says, which ASE would go on counting or cut short."""
    announced, given = int(lines[0]), len(lines) - 2
    vectors = sum(line.lstrip().upper().startswith("VEC") for line in lines[2 + announced :][:3])
    if given - vectors != announced:
        raise ValueError(f"{given} lines of atoms where {announced} are announced")
