"""Tables for people: drawn on a terminal, aligned plain text where the output goes to a file or another program."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Sequence

GAP = "  "


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
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(title, style="bold") if title else None,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_header=any(column.title for column in columns),
        header_style="bold",
        pad_edge=False,
    )
    for i, column in enumerate(columns):
        table.add_column(
            Text(column.title), justify="right" if column.number else "left", style="cyan" if i == 0 else None
        )
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)
