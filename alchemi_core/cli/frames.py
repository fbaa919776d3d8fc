"""FrameWriter: a trajectory in extended XYZ that grows by whole frames."""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from ase.io.extxyz import write_xyz

from alchemi_core.errors import AlchemiError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ase import Atoms


def as_text(frames: Iterable[Atoms]) -> str:
    """Return structures as extended XYZ."""
    buffer = io.StringIO()
    write_xyz(buffer, list(frames))
    return buffer.getvalue()


@contextmanager
def naming_the_file(path: Path) -> Iterator[None]:
    """Name the file in what the system says when it cannot be written, and what helps.

    Raises
    ------
    AlchemiError
        In place of an OSError inside the block.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise AlchemiError(
            f"it cannot be written: {reason}",
            expected="room on the disk and the right to write",
            who=str(path),
            fix="free space or another --out",
        ) from error


class FrameWriter:
    """Appends frames to a file, each whole and at once, so that readers and interruptions meet whole frames only.

    Parameters
    ----------
    path : Path
        The trajectory.
    keep : int
        How many bytes of what is there to keep; later ones are cut off. With 0 the file has to be new.

    Raises
    ------
    AlchemiError
        If the file cannot be made or written; it then ends with its last whole frame.
    """

    def __init__(self, path: Path, keep: int = 0) -> None:
        self.path, self.size = path, keep
        with naming_the_file(path):
            self._file = path.open("ab" if keep else "xb", buffering=0)
            self._file.truncate(keep)

    def append(self, atoms: Atoms) -> None:
        """Write one frame."""
        self.write(as_text([atoms]))

    def write(self, text: str) -> None:
        """Write a piece of text, whole or not at all."""
        rest = memoryview(text.encode())
        whole = self.size + len(rest)
        try:
            with naming_the_file(self.path):
                while rest:
                    # A disk that fills up takes a part first and fails at the next attempt.
                    rest = rest[self._file.write(rest) :]
        except BaseException:
            self._file.truncate(self.size)
            raise
        self.size = whole

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
