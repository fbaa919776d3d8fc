"""Section: one part of what the doctor finds, as rows for people and as values for machines."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.cli.doctor_privacy import shareable
from alchemi_core.cli.file_view import shown
from alchemi_core.plugin_records import PluginFailure, attempt

if TYPE_CHECKING:
    from collections.abc import Callable

WIDTH = 100
LABELS = 34
"""Longest lines, and the widest column of labels, in characters."""

INDENT = "    "
"""Markdown takes what follows an empty line and is indented by four signs as it stands."""


@attrs.frozen
class Row:
    """One line of a section, or several.

    Parameters
    ----------
    label : str
        What it is about.
    text : str
        What there is to say; a new line begins where the text has one.
    problem : str
        What is wrong, in a few words; empty where nothing is.
    """

    label: str
    text: str
    problem: str = ""


@attrs.frozen(eq=False)
class Section:
    """One part of the report.

    Parameters
    ----------
    rows : tuple of Row
        What was found.
    data : JSON value
        The same for machines; None makes it of the rows.
    """

    rows: tuple[Row, ...]
    data: Any = None

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong, each in a few words."""
        return tuple(row.problem for row in self.rows if row.problem)

    @property
    def described(self) -> Any:
        """The section as JSON can hold it."""
        return {row.label: row.text for row in self.rows} if self.data is None else self.data

    @property
    def shareable(self) -> Section:
        """The section without what others need not know."""
        rows = tuple(Row(*shareable(attrs.astuple(row))) for row in self.rows)
        return Section(rows, shareable(self.data))

    def __str__(self) -> str:
        widest = min(LABELS, max((len(row.label) for row in self.rows), default=0))
        return "".join(f"{line}\n" for row in self.rows for line in _lines(row, widest))


def _lines(row: Row, widest: int) -> list[str]:
    """Return the lines of a row; a label that is too long has a line of its own."""
    head = f"{INDENT}{'! ' if row.problem else '  '}{shown(row.label)}"
    margin = " " * (len(INDENT) + 2 + widest + 2)
    texts = [line for part in row.text.splitlines() for line in _wrapped(shown(part), WIDTH - len(margin))] or [""]
    long = len(row.label) > widest
    lines = [head, *(margin + text for text in texts)] if long else [head.ljust(len(margin)) + texts[0]]
    return [line.rstrip() for line in (lines if long else [*lines, *(margin + text for text in texts[1:])])]


def _wrapped(text: str, room: int) -> list[str]:
    """Break a text between words only, so that what is to be typed stays whole."""
    return textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False)


def guarded(title: str, make: Callable[[], Section]) -> Section:
    """Make a section; where that fails, the failure is what it says, and the others are not touched.

    Parameters
    ----------
    title : str
        What to call it where it fails.
    make : callable
        Makes it; may raise anything.
    """
    made = attempt(make, PluginFailure(title, "", ""))
    return Section((failed(title, made),)) if isinstance(made, PluginFailure) else made


def tried(label: str, action: Callable[[], str]) -> Row:
    """Make a row of what an action returns, or of what it raises."""
    made = attempt(action, PluginFailure(label, "", ""))
    return failed(label, made) if isinstance(made, PluginFailure) else Row(label, made)


def failed(label: str, failure: PluginFailure) -> Row:
    """Make a row that says what failed, why, and what to do about it."""
    return Row(label, f"failed: {failure.reason}" + fix_line(failure.fix), f"{label} failed")


def fix_line(fix: str) -> str:
    """Return the line that says what to do; nothing where that is not known."""
    return f"\nlikely fix: {fix}" if fix else ""
