"""Frames: extended XYZ cut into the bytes of each structure, whatever is inside, without holding the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator


def frames(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the bytes of each frame, from the position of the stream to its end.

    A frame is a line with nothing but a number, the line after it, and all lines before the next one with nothing but
    a number: so one that is damaged or cut short ends where the next begins, and takes nothing along.
    """
    head = _first(stream)
    while head:
        lines = [head]
        if is_count(head) and (comment := stream.readline()):
            lines.append(comment)
        head = b""
        for line in stream:
            if is_count(line):
                head = line
                break
            lines.append(line)
        yield b"".join(lines)


def is_count(line: bytes) -> bool:
    """Tell whether a line is a number of atoms."""
    # Most lines are of atoms, and end with digits as well as counts do, but begin with a letter.
    return line.lstrip()[:1].isdigit() and line.strip().isdigit()


def _first(stream: BinaryIO) -> bytes:
    """Return the first line that is not blank."""
    return next((line for line in stream if line.strip()), b"")
