"""Slots: the numbers of the values that a run keeps."""

from __future__ import annotations


class Slots:
    """Numbers values as they are met: (step, output) → slot. Lives for one planning run."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[int, str], int] = {}

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._numbers)

    def new(self, step: int, output: str) -> int:
        """Return the number of a value, a new one where it is met for the first time."""
        return self._numbers.setdefault((step, output), len(self._numbers))

    def of(self, step: int, output: str) -> int:
        """Return the number of a value that was met before."""
        return self._numbers[step, output]
