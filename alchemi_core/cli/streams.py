"""Streams of a command whose reader may go away: what it says is lost then, what it does goes on."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

    from _typeshed import ReadableBuffer


class Unheard(io.FileIO):
    """A stream that a reader may leave, as ``head`` does, or a ``tee`` that is stopped."""

    _failed = False

    def write(self, data: ReadableBuffer) -> int:
        """Write, or pass over what nobody reads; a full disk is told once, and not again at the end of the process."""
        try:
            return super().write(data)
        except BrokenPipeError:
            pass
        except OSError:
            if not self._failed:
                self._failed = True
                raise
        return memoryview(data).nbytes


def say_line_by_line() -> None:
    """Write each line of stdout and stderr at once, and go on when nobody reads them any more.

    Lines come at once into files too: runs are followed there, and what stderr says stands in its place. For the start
    of a process; a run whose log lost its reader writes its results all the same.
    """
    sys.stdout, sys.stderr = _unheard(sys.stdout), _unheard(sys.stderr)


def _unheard(stream: TextIO | None) -> TextIO:
    """Return the stream as it is where it is no file of the system, as in notebooks; the null device if closed."""
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - for the rest of the process
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    stream.flush()
    raw = Unheard(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding=stream.encoding, errors=stream.errors, line_buffering=True)
