"""Tables of Markdown, as the generated parts of pages are made of them."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def table_head(*titles: str) -> Iterator[str]:
    """Yield the first two lines of a Markdown table."""
    yield row(*titles)
    yield row(*("---" for _ in titles))


def row(*cells: str) -> str:
    """Return a line of a Markdown table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def unbroken(text: str) -> str:
    """Return text that no line break splits at a slash or a hyphen."""
    return text.replace("/", "/\N{WORD JOINER}").replace("-", "\N{NON-BREAKING HYPHEN}")


def linked(citation: str) -> str:
    """Return a citation, with a link where it is a DOI."""
    return f"[{citation}](https://doi.org/{citation})" if re.fullmatch(r"10\.\d{4,9}/\S+", citation) else citation


def first_sentence(thing: object) -> str:
    """Return the first paragraph of a docstring on one line."""
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())
