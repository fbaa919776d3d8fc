"""Tables for people: drawn on a terminal, aligned plain text where the output goes to a file or another program."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeAlias

import attrs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

GAP = "  "
Padding: TypeAlias = tuple[int, int, int, int]

WIDE, NARROW = (0, 1, 0, 1), (0, 1, 0, 0)
"""Padding of cells on a terminal: above, right, below, left."""

WORD = 16
"""Longest word of a text that a narrow column does not break."""

ENDLESS = 10_000


@attrs.frozen
class Column:
    """One column.

    Parameters
    ----------
    title : str
        Heading; empty where the table needs none.
    number : bool
        Aligned to the right.
    """

    title: str
    number: bool = False


def show_table(title: str, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Print a table to standard output.

    Parameters
    ----------
    title : str
        A line above; none when empty.
    columns : sequence of Column
        From left to right.
    rows : sequence of sequence of str
        One text per column.
    """
    if sys.stdout.isatty():
        _draw(title, columns, rows)
    else:
        sys.stdout.write(plain_table(title, columns, rows))


def plain_table(title: str, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> str:
    """Return the table as aligned text."""
    headed = any(column.title for column in columns)
    lines = [[column.title for column in columns]] * headed + [list(row) for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    text = [title] if title else []
    for line in lines:
        cells = [
            cell.rjust(width) if column.number else cell.ljust(width)
            for cell, width, column in zip(line, widths, columns, strict=True)
        ]
        text.append(GAP.join(cells).rstrip())
    return "\n".join(text) + "\n"


def _draw(title: str, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Draw it as wide as fits: with gaps, with narrow gaps, or each row as a list of what the columns say."""
    from rich.console import Console
    from rich.measure import Measurement
    from rich.text import Text

    console = Console()
    endless = console.options.update(max_width=ENDLESS)
    for gaps in WIDE, NARROW:
        table = _table(title, columns, rows, gaps)
        if Measurement.get(console, endless, table).minimum <= console.width:
            console.print(table)
            return
    console.print(Text(_listed(title, columns, rows)))


def _table(title: str, columns: Sequence[Column], rows: Sequence[Sequence[str]], gaps: Padding) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(title, style="bold") if title else None,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_header=any(column.title for column in columns),
        header_style="bold",
        padding=gaps,
        pad_edge=False,
    )
    for i, column in enumerate(columns):
        table.add_column(
            Text(column.title),
            justify="right" if column.number else "left",
            style="cyan" if i == 0 else None,
            min_width=_least(column, [row[i] for row in rows]),
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _least(column: Column, cells: Sequence[str]) -> int:
    """How narrow a column may get: never would a number be cut, and a word of a text only where it is long."""
    words = [word for text in (column.title, *cells) for word in text.split()]
    longest = max(map(len, words), default=1)
    return longest if column.number else min(longest, WORD)


def _listed(title: str, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> str:
    """Return each row as lines of heading and value, below its first cell."""
    heads = max((len(column.title) for column in columns[1:]), default=0)
    numbers = [i for i, column in enumerate(columns) if column.number]
    width = max((len(row[i]) for row in rows for i in numbers), default=0)
    lines = [title] if title else []
    for row in rows:
        lines.append(row[0])
        for cell, column in zip(row[1:], columns[1:], strict=True):
            lines.append(f"  {column.title.ljust(heads)}  {cell.rjust(width) if column.number else cell}".rstrip())
    return "\n".join(lines)
