"""Atoms that fly apart: the errors that show it, and what to say of them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from alchemi_core.errors import GeometryError, ModelOutputError, NeighborError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alchemi_core.errors import AlchemiError

DIVERGED: tuple[type[AlchemiError], ...] = (GeometryError, NeighborError, ModelOutputError)
"""What atoms that fly apart end in, once the first step went well."""


@contextmanager
def advising(fix: str) -> Iterator[None]:
    """Say what helps when the atoms fly apart."""
    try:
        yield
    except DIVERGED as error:
        raise type(error)(error.found, expected=error.expected, who=error.who, fix=fix) from error
