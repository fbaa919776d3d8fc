"""Stopping: what a signal means for a run of shards, told once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alchemi_core.cli.interrupts import Interrupts


class Stopping:
    """Whether to begin no other shard.

    Parameters
    ----------
    interrupts : Interrupts
        Signals received so far.
    """

    def __init__(self, interrupts: Interrupts) -> None:
        self._interrupts, self._told = interrupts, False

    def __call__(self) -> bool:
        """Look, and say so where it is new."""
        if self._interrupts.received and not self._told:
            self._told = True
            sys.stderr.write("alchemi: shards under way are finished first; another Ctrl-C stops at once\n")
        return self._interrupts.received != 0
