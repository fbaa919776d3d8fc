"""Ctrl-C and SIGTERM taken between steps, so that what is written then is whole."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
SIGNALLED = 128
"""What shells add to the number of a signal for the exit code."""


class Terminated(KeyboardInterrupt):
    """SIGTERM, for code that stops at Ctrl-C already."""


class Interrupts:
    """What was received so far.

    Parameters
    ----------
    words : str
        What is said at the first signal.

    Attributes
    ----------
    received : int
        Number of the signal; 0 when there was none.
    """

    def __init__(self, words: str) -> None:
        self.received, self._words = 0, words

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """Note the first signal; a second one stops at once."""
        if self.received:
            raise KeyboardInterrupt
        self.received = number
        sys.stderr.write(f"alchemi: {self._words}\n")


@contextmanager
def between_steps(words: str = "stopping after this step") -> Iterator[Interrupts]:
    """Collect signals inside the block; handlers are put back at its end. Other threads than the main get none."""
    interrupts = Interrupts(words)
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    before = {number: signal.signal(number, interrupts) for number in SIGNALS}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def stopping_at_sigterm() -> Iterator[None]:
    """Raise `Terminated` on SIGTERM inside the block, as Ctrl-C raises KeyboardInterrupt."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise Terminated


def exit_code(stop: KeyboardInterrupt) -> int:
    """Exit code of a command that was stopped so."""
    return SIGNALLED + (signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)
