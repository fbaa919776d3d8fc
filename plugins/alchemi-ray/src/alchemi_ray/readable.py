"""Frames that can be read again: words that extended XYZ garbles are told before they are in a file."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

from ase.io.extxyz import read_xyz
from ase.io.jsonio import encode

from alchemi_core.cli.frames import as_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ase import Atoms


def readable_text(frame: Atoms) -> str:
    """Return a structure as extended XYZ.

    Raises
    ------
    ValueError
        If its ``info`` does not come back: ASE 3.29 garbles line breaks, backslashes and quotes within quotes, and one
        such comment makes the whole file unreadable.
    """
    text = as_text([frame])
    # JSON writes each of the characters that do harm with a backslash; to read all frames again would take long.
    if "\\" in encode(frame.info) and not _comes_back(text, frame):
        raise ValueError("words of info hold line breaks, backslashes or quotes that extended XYZ cannot keep")
    return text


def _comes_back(text: str, frame: Atoms) -> bool:
    try:
        (found,) = read_xyz(StringIO(text), index=slice(None))
    except Exception:  # noqa: BLE001 - ASE raises many kinds of errors for a comment that it cannot read
        return False
    return (
        len(found) == len(frame) and _words(found.info) == _words(frame.info) and found.info.keys() == frame.info.keys()
    )


def _words(info: Mapping[str, Any]) -> dict[str, str]:
    return {name: encode(value) for name, value in info.items() if isinstance(value, str | dict)}
