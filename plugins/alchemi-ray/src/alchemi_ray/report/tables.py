"""Tables: with a caption, headings that name what is in a column, and a frame that scrolls where the page is narrow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alchemi_ray.report.markup import Content, Markup, element, joined, shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from alchemi_ray.report.extremes import Found

LONGEST = 400
"""Letters of a message or a name; what is longer is in the files."""


@attrs.frozen
class Column:
    """One column.

    Parameters
    ----------
    title : str
        Heading.
    class_ : {"", "number", "text", "name", "word", "share"}
        How its cells are set.
    """

    title: str
    class_: str = ""


def table(caption: str, columns: Sequence[Column], rows: Iterable[Sequence[Content]], *, note: str = "") -> Markup:
    """Make a table.

    Parameters
    ----------
    caption, note : str
        Above it.
    columns : sequence of Column
        From left to right; what the first one holds names its row.
    rows : iterable of sequence of str
        One text or markup per column.
    """
    head = element("tr", *(element("th", one.title, scope="col", class_=one.class_ or None) for one in columns))
    body = joined(*(_row(columns, cells) for cells in rows))
    told = element("caption", caption, element("span", note, class_="note") if note else None)
    whole = element("table", told, element("thead", head), element("tbody", body))
    # Where there is no room for long texts beside the rest they come below it.
    kind = "scroll stacked" if any(one.class_ == "text" for one in columns) else "scroll"
    return element("div", whole, class_=kind, role="region", aria_label=caption, tabindex="0")


def _row(columns: Sequence[Column], cells: Sequence[Content]) -> Markup:
    first = element("th", cells[0], scope="row", class_=columns[0].class_ or None)
    others = (element("td", cell, class_=one.class_ or None) for one, cell in zip(columns[1:], cells[1:], strict=True))
    return element("tr", first, *others)


def anchor(name: str) -> str:
    """Return what links to a section call it."""
    return name.lower().replace(" ", "-")


def heading(name: str) -> Markup:
    """Return the heading of a section, which links lead to."""
    return element("h2", name, id=anchor(name))


def place(source: str, index: int) -> Markup:
    """Return where a structure is to be found: the file, and its place there, from 0."""
    return joined(element("code", shortened(source, LONGEST)), " ", element("span", f"#{index}", class_="index"))


def where(one: Found) -> Markup:
    """Return the same of a structure that was found."""
    return place(one.source, one.index)


def share_bar(part: float, text: str) -> Markup:
    """Draw a share as a bar, with its text."""
    width = f"{100.0 * min(max(part, 0.0), 1.0):.1f}%"
    drawn = element("svg", element("rect", width=width, height="100%"), class_="share-bar", aria_hidden="true")
    return joined(drawn, element("span", text))


def terms(pairs: Iterable[tuple[str, Content]]) -> Markup:
    """Make a list of names and what they are."""
    return element("dl", *(joined(element("dt", name), element("dd", what)) for name, what in pairs), class_="facts")
