"""Check: one named thing that is true of a plugin, or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alchemi_core.testing.failures import CheckError

if TYPE_CHECKING:
    from collections.abc import Callable


@attrs.frozen(eq=False)
class Check:
    """One check: call it; it raises AssertionError where the plugin fails.

    Parameters
    ----------
    name : str
        What is checked of what, such as ``model/lennard-jones/forces``; also what ``str`` gives.
    run : callable
        The check itself. It may return a note on what it measured, such as the largest deviation.
    about : str
        What passing it proves, in one line.
    exempt : str
        Why it need not pass; empty where it must.
    alone : bool
        Whether it is all that can be run of its subject, which could not be made or does not answer: exemptions from
        other checks then wait for it.
    """

    name: str
    run: Callable[[], str | None] = attrs.field(repr=False)
    about: str = ""
    exempt: str = ""
    alone: bool = False

    def __call__(self) -> str:
        """Run the check and return its note."""
        __tracebackhide__ = True  # pytest shows the test and the report, not the way through the kit
        try:
            return self.run() or ""
        except CheckError as error:
            raise error.with_traceback(None) from error.__cause__

    def __str__(self) -> str:
        return self.name
