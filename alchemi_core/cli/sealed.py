"""Sealed files: exact numbers as JSON, replaced as a whole, with a checksum that tells when one was changed."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from ase.io.jsonio import decode, encode

from alchemi_core.atomic_write import write_text
from alchemi_core.cli.frames import naming_the_file
from alchemi_core.errors import InputFileError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SEAL = "sha256"


def write_sealed(path: Path, values: Mapping[str, Any]) -> None:
    """Write values, arrays among them, in place of what was there. JSON keeps floats exactly.

    Raises
    ------
    AlchemiError
        If the file cannot be written.
    """
    plain = json.loads(encode(values))
    with naming_the_file(path):
        write_text(path, json.dumps({**plain, SEAL: _seal(plain)}))


def read_sealed(path: Path) -> Any:
    """Return what `write_sealed` wrote.

    Raises
    ------
    InputFileError
        If the checksum does not agree.
    ValueError
        If it is no JSON.
    """
    plain = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(plain, dict) or plain.pop(SEAL, None) != _seal(plain):
        raise altered(path)
    return decode(json.dumps(plain))


def altered(path: Path) -> InputFileError:
    """Make the error of a file that is not as it was written."""
    return InputFileError(
        "the checkpoint was changed after it was written, or is damaged",
        expected="the file as alchemi wrote it",
        who=str(path),
        fix="start the run again in another --out",
    )


def check_sizes(folder: Path, sizes: Mapping[str, int]) -> None:
    """Refuse to go on where growing files are shorter than they were.

    Raises
    ------
    InputFileError
        If one is.
    """
    for name, size in sizes.items():
        path = folder / name
        there = path.stat().st_size if path.is_file() else 0
        if there < size:
            raise InputFileError(
                f"it holds {there} bytes, at the checkpoint it held {size}",
                expected="the file as the run left it",
                who=str(path),
            )


def _seal(plain: Mapping[str, Any]) -> str:
    """Checksum over all values, whatever their order and the spaces between them."""
    return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
