"""Workers that die before they have done anything: some may, but not one after the other."""

from __future__ import annotations

from alchemi_core.errors import AlchemiError

MOST = 3


class StartingDeaths:
    """Counts workers that died while they were loading the pipeline."""

    def __init__(self) -> None:
        self._deaths = 0

    def survived(self) -> None:
        """Begin to count anew: one is ready."""
        self._deaths = 0

    def died(self) -> None:
        """Count one.

        Raises
        ------
        AlchemiError
            If it is too many in a row.
        """
        self._deaths += 1
        if self._deaths >= MOST:
            raise AlchemiError(
                f"{MOST} workers died one after the other while they loaded the pipeline",
                expected="workers that have room for it",
                who="the workers",
                fix="fewer --workers, where memory is what they lack",
            )
