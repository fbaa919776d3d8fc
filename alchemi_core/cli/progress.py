"""Progress of a run: one line per step, and on a terminal a bar below that says how far it is."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.columns import Columns
    from rich.live import Live


@attrs.frozen
class Field:
    """One column of the progress lines.

    Parameters
    ----------
    title, unit : str
        Heading.
    width : int
        Of the column, in characters.
    form : str
        Format specification of the value.
    """

    title: str
    unit: str
    width: int
    form: str

    def show(self, value: float | None) -> str:
        """Return the value as text, a dash where there is none."""
        return ("–" if value is None else format(value, self.form)).rjust(self.width)


class Progress:
    """Prints a heading and lines; flushed at once, so that a log file can be followed.

    The heading comes with the first line: a run that fails before it prints nothing.

    Parameters
    ----------
    fields : sequence of Field
        Columns.
    title : str
        A line above the heading.
    """

    def __init__(self, title: str, fields: Sequence[Field]) -> None:
        self.title, self.fields = title, fields
        self._live: Live | None = None
        self._headed = False

    def __enter__(self) -> Self:
        if sys.stdout.isatty():
            self._live = _start_live()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def line(self, values: Sequence[float | None], *, done: float = 0.0, note: str = "") -> None:
        """Print one line.

        Parameters
        ----------
        values : sequence of float or None
            One per field.
        done : float
            Share of the work that is done, 0 to 1.
        note : str
            What stands beside the bar.
        """
        if not self._headed:
            self._head()
        texts = [field.show(value) for field, value in zip(self.fields, values, strict=True)]
        self._print("  ".join(texts), "")
        self.bar(done, note)

    def _head(self) -> None:
        self._print(self.title, "bold")
        self._print("  ".join(field.title.rjust(field.width) for field in self.fields), "dim")
        self._print("  ".join(field.unit.rjust(field.width) for field in self.fields), "dim")
        self._headed = True

    def bar(self, done: float, note: str) -> None:
        """Move the bar."""
        if self._live is not None:
            self._live.update(_bar(done, note))

    def _print(self, text: str, style: str) -> None:
        if self._live is None:
            sys.stdout.write(text.rstrip() + "\n")
            sys.stdout.flush()
            return
        from rich.text import Text

        self._live.console.print(Text(text, style=style), soft_wrap=True)


@contextmanager
def waiting(note: str) -> Iterator[None]:
    """Show on a terminal that something takes its time; nothing of it stays."""
    if not sys.stdout.isatty():
        yield
        return
    from rich.console import Console

    with Console().status(note):
        yield


def _start_live() -> Live:
    from rich.live import Live

    live = Live(transient=True, refresh_per_second=8)
    live.start()
    return live


def _bar(done: float, note: str) -> Columns:
    from rich.columns import Columns
    from rich.progress_bar import ProgressBar
    from rich.spinner import Spinner
    from rich.text import Text

    bar = ProgressBar(total=1.0, completed=min(max(done, 0.0), 1.0), width=32)
    return Columns([Spinner("dots", style="cyan"), bar, Text(note, style="dim")], padding=(0, 1))
