"""Live: how far a run is, in lines, and on a terminal a bar below them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

import attrs

from alchemi_core.cli.progress import Field, Progress

if TYPE_CHECKING:
    from alchemi_ray.totals import Totals

FIELDS = (
    Field("done", "", 10, ".0f"),
    Field("of", "", 10, ".0f"),
    Field("failed", "", 8, ".0f"),
    Field("rate", "1/s", 9, ".1f"),
    Field("time", "s", 8, ".1f"),
    Field("left", "s", 8, ".0f"),
)

BETWEEN = 10.0
"""Seconds between lines, so that the log of a long run stays short."""

MOVING = 0.1
"""Seconds between movements of the bar, which would take longer than small structures."""


class Live:
    """Shows how far a run is.

    Parameters
    ----------
    title : str
        A line above.
    structures : int
        Of the whole dataset.
    before : int
        Answered for by earlier parts of the run.
    seconds : float
        Time of workers in these.
    """

    def __init__(self, title: str, structures: int, before: int, seconds: float = 0.0) -> None:
        self._progress = Progress(title, FIELDS)
        self._structures, self._before, self._worked = structures, before, seconds
        self._began = time.perf_counter()
        self._ready: float | None = None
        self._shown: float | None = None
        self._last: int | None = None
        self._moved = -MOVING

    def __enter__(self) -> Self:
        self._progress.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.__exit__()

    @property
    def seconds(self) -> float:
        """Time of this part."""
        return time.perf_counter() - self._began

    def show(self, totals: Totals, under_way: int = 0, *, last: bool = False) -> None:
        """Move the bar, and print a line where the last one is some time ago, or this is to be the last.

        Parameters
        ----------
        totals : Totals
            Of the shards that are done.
        under_way : int
            Structures that are answered in others.
        last : bool
            Whether nothing comes after it.
        """
        seen = attrs.evolve(totals, done=totals.done + under_way)
        if self._ready is None and totals.structures > self._before:
            # Workers take a while to start; what is left goes on at the pace of work.
            self._ready = max(self._began, time.perf_counter() - (totals.seconds - self._worked))
        if (last and self._last != totals.structures) or self._is_due(seen, under_way):
            self._shown, self._last = time.perf_counter(), None if under_way else totals.structures
            self._progress.line(self._figures(seen), done=self._share(seen), note=self._note(seen))
        elif time.perf_counter() - self._moved >= MOVING:
            self._moved = time.perf_counter()
            self._progress.bar(self._share(seen), self._note(seen))

    def _is_due(self, totals: Totals, under_way: int) -> bool:
        if self._shown is None and not under_way:
            return totals.structures > self._before
        return time.perf_counter() - (self._shown or self._began) >= BETWEEN

    def _share(self, totals: Totals) -> float:
        return totals.structures / self._structures

    def _rate(self, totals: Totals) -> float:
        return (totals.structures - self._before) / max(self.seconds, 1e-9)

    def _left(self, totals: Totals) -> float | None:
        done = totals.structures - self._before
        working = time.perf_counter() - (self._ready or self._began)
        return (self._structures - totals.structures) * working / done if done else None

    def _figures(self, totals: Totals) -> tuple[float | None, ...]:
        rate, left = self._rate(totals), self._left(totals)
        return totals.structures, self._structures, totals.failed, rate, self.seconds, left

    def _note(self, totals: Totals) -> str:
        left = self._left(totals)
        rest = "" if left is None else f", {in_words(left)} left"
        return f"{totals.structures} of {self._structures}, {totals.failed} failed, {self._rate(totals):.1f}/s{rest}"


def in_words(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
