"""FrameWriter: a trajectory in extended XYZ that grows by whole frames."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Self

from ase.io.extxyz import write_xyz

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ase import Atoms


def as_text(frames: Iterable[Atoms]) -> str:
    """Return structures as extended XYZ."""
    buffer = io.StringIO()
    write_xyz(buffer, list(frames))
    return buffer.getvalue()


class FrameWriter:
    """Appends frames to a file, each whole and at once, so that readers and interruptions meet whole frames only.

    Parameters
    ----------
    path : Path
        The trajectory.
    keep : int
        How many bytes of what is there to keep; later ones are cut off.
    """

    def __init__(self, path: Path, keep: int = 0) -> None:
        self.size = keep
        self._file = path.open("ab")
        self._file.truncate(keep)

    def append(self, atoms: Atoms) -> None:
        """Write one frame."""
        self.write(as_text([atoms]))

    def write(self, text: str) -> None:
        """Write a piece of text."""
        self.size += self._file.write(text.encode())
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
