"""Markup in which no foreign text can become a tag: whatever is not markup already is escaped."""

from __future__ import annotations

import re
from html import escape
from typing import TypeAlias

UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
"""Control characters, those that turn the direction of writing, and halves of characters: shown as one sign."""

EMPTY = frozenset({"meta", "br"})
"""Elements that hold nothing, and have no end."""


class Markup(str):
    """Text that is markup; only `element` and `raw` make it."""

    __slots__ = ()


Content: TypeAlias = "str | Markup | None"


def escaped(text: str) -> Markup:
    """Return a text as markup: a `Markup` as it is, any other with every sign that means something escaped."""
    return text if isinstance(text, Markup) else Markup(escape(UNPRINTABLE.sub("\ufffd", text)))


def element(name: str, /, *content: Content, **attributes: object) -> Markup:
    """Make an element.

    Parameters
    ----------
    name : str
        Of the tag.
    *content : str, Markup or None
        What it holds; texts are escaped, None is left out.
    **attributes : object
        An underscore at the end is dropped, others become hyphens; None leaves the attribute out.

    Examples
    --------
    >>> element("td", "<b>", class_="name")
    '<td class="name">&lt;b&gt;</td>'
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inside = joined(*content)
    return Markup(f"<{name}{given}>" if name in EMPTY else f"<{name}{given}>{inside}</{name}>")


def joined(*content: Content) -> Markup:
    """Return pieces one after another, texts escaped."""
    return Markup("".join(escaped(one) for one in content if one is not None))


def shortened(text: str, longest: int) -> str:
    """Return a text with its middle left out where it is too long; both ends of names and messages tell something."""
    if len(text) <= longest:
        return text
    tail = longest // 3
    return f"{text[: longest - tail - 1]}…{text[-tail:]}"
