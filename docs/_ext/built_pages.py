"""A look at the pages once they are built: what the code has must be on them, where readers find it.

Whatever is missing is a warning of the build, and warnings are errors there.
"""

from __future__ import annotations

import inspect
from html.parser import HTMLParser
from typing import TYPE_CHECKING, NamedTuple

import attrs
from offered import all_offered, plugin_commands

from alchemi_core import errors
from alchemi_core.cli.commands import COMMANDS
from alchemi_core.hookspecs import HOOKS
from alchemi_core.quantities import QUANTITIES
from alchemi_core.selection import ALLOW, BLOCK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from sphinx.application import Sphinx


class Wanted(NamedTuple):
    """One thing that has to be on a page: where, as what, and its text."""

    page: str
    kind: str
    text: str


class Contents(HTMLParser):
    """What a page holds: texts by kind.

    ``object`` is the anchor of a described object, ``field`` an object's anchor and the name of one of its parameters,
    ``cell`` a cell of a table, ``block`` the text of a code block with the anchor of its section in front.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, list[str]] = {kind: [] for kind in ("object", "field", "cell", "block")}
        self._open: dict[str, list[str]] = {}
        self._sections: list[str] = []
        self._object = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note anchors, and begin to collect the text of cells, blocks and names of parameters."""
        anchor = dict(attributes).get("id") or ""
        if tag == "section":
            self._sections.append(anchor)
        elif tag == "dt" and anchor:
            self._object = anchor
            self.found["object"].append(anchor)
        elif tag in ("td", "pre", "strong"):
            self._open[tag] = []

    def handle_data(self, data: str) -> None:
        """Collect text."""
        for texts in self._open.values():
            texts.append(data)

    def handle_endtag(self, tag: str) -> None:
        """Keep what was collected."""
        if tag == "section":
            self._sections.pop()
        text = "".join(self._open.pop(tag, ()))
        if tag == "td":
            self.found["cell"].append(text.strip())
        elif tag == "pre":
            self.found["block"].append(f"{self._sections[-1] if self._sections else ''}\n{text}")
        elif tag == "strong":
            self.found["field"].append(f"{self._object} {text}")


def contents_of(text: str) -> Contents:
    """Read a page."""
    contents = Contents()
    contents.feed(text)
    contents.close()
    return contents


def is_there(wanted: Wanted, contents: Contents) -> bool:
    """Tell whether a page holds what is wanted; of a block, every line of the wanted text stands in one block."""
    found = contents.found[wanted.kind]
    if wanted.kind == "block":
        return any(all(line in text for line in wanted.text.splitlines()) for text in found)
    return wanted.text in found


def missing(folder: Path, wanted: Iterable[Wanted]) -> Iterator[str]:
    """Say what is not on its page."""
    pages: dict[str, Contents] = {}
    for one in wanted:
        if one.page not in pages:
            file = folder / one.page
            pages[one.page] = contents_of(file.read_text(encoding="utf-8") if file.is_file() else "")
        if not is_there(one, pages[one.page]):
            yield f"{one.page}: no {one.kind} {one.text!r}"


def wanted_of_core() -> Iterator[Wanted]:
    """Yield what the core has: hooks, offers with their fields, quantities, errors, commands, variables."""
    for hook, offer in HOOKS.items():
        yield Wanted("reference/hooks.html", "object", f"alchemi_core.hookspecs.{hook}")
        for field in attrs.fields(offer):
            yield Wanted(
                "reference/offers.html",
                "field",
                f"alchemi_core.{offer.__name__} {field.name}",
            )
    for quantity in QUANTITIES:
        yield Wanted("reference/quantities.html", "cell", quantity)
    for name, _ in inspect.getmembers(errors, is_error):
        yield Wanted("reference/errors.html", "object", f"alchemi_core.errors.{name}")
    for command in COMMANDS:
        yield Wanted("reference/commands.html", "block", f"usage: alchemi {command.name} ")
    for variable in (ALLOW, BLOCK):
        yield Wanted("plugins.html", "cell", variable)


def wanted_of_plugins() -> Iterator[Wanted]:
    """Yield what the plugins of this repository have: models, backends, strategies, exemptions, commands."""
    for _, offer in all_offered():
        if offer.kind in ("model", "neighbors", "derivative"):
            yield Wanted("plugins.html", "cell", offer.name)
        for check, reason in offer.exempt.items():
            yield Wanted("plugins.html", "cell", check)
            yield Wanted("plugins.html", "cell", reason.replace("`", ""))  # code on the page
    for _, command in plugin_commands():
        yield Wanted("reference/commands.html", "block", f"usage: alchemi {command.name} ")


def is_error(thing: object) -> bool:
    """Tell whether something is a class of errors."""
    return isinstance(thing, type) and issubclass(thing, errors.AlchemiError)


def look(app: Sphinx, exception: Exception | None) -> None:
    """Warn of what is missing, where pages of HTML were built."""
    from sphinx.util import logging

    if exception is None and app.builder.format == "html":
        for text in missing(app.outdir, [*wanted_of_core(), *wanted_of_plugins()]):
            logging.getLogger(__name__).warning("%s", text)
