"""Parts of pages that are written from the code when the pages are built.

Each directive gives Markdown, which Sphinx then reads as if it stood on the page:

``{quantities}``           the table of quantities
``{errors}``               the tree of errors, with what each means
``{error-class} NAME``     one class of errors: what it means, and what catches it
``{hooks}``                each hook with its docstring
``{offers}``               each class of offer with its fields
``{commands}``             the help of each command
``{models}``               the models that the plugins of this repository offer
``{neighbor-backends}``    what builds and converts neighbor lists
``{derivatives-on-offer}`` strategies by name
``{exemptions}``           checks of the conformance kit that an offer need not pass, with the reason
"""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

import built_pages
from markdown_tables import first_sentence, linked, row, table_head, unbroken
from offered import all_offered, offered, plugin_commands
from sphinx.util.docutils import SphinxDirective

from alchemi_core import errors
from alchemi_core.cli.commands import COMMANDS
from alchemi_core.hookspecs import HOOKS
from alchemi_core.quantities import QUANTITIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docutils import nodes
    from sphinx.application import Sphinx

    from alchemi_core.cli.commands import Command

HELP_WIDTH = "92"


class Generated(SphinxDirective):
    """Put generated Markdown in the place of the directive."""

    name_on_pages = ""

    def lines(self) -> Iterator[str]:
        """Yield the Markdown."""
        raise AssertionError("each directive writes its own")

    def run(self) -> list[nodes.Node]:
        """Read what was written."""
        return self.parse_text_to_nodes("\n".join(self.lines()), allow_section_headings=True)


class Quantities(Generated):
    """The table of quantities."""

    name_on_pages = "quantities"

    def lines(self) -> Iterator[str]:
        """Yield a row for each quantity."""
        yield from table_head("name", "shape", "unit", "over steps", "meaning")
        for one in QUANTITIES.values():
            combined = {"sum": "summed", "unique": "single"}[one.combine.value]
            yield row(
                f"`{one.name}`",
                f"`{one.axes}`",
                unbroken(one.unit) or "–",
                combined,
                one.summary,
            )


class Errors(Generated):
    """The tree of errors."""

    name_on_pages = "errors"

    def lines(self) -> Iterator[str]:
        """Yield the tree, children below their parents."""
        yield from self._below(errors.AlchemiError, 0)

    def _below(self, kind: type[BaseException], depth: int) -> Iterator[str]:
        yield f"{'  ' * depth}- [`{kind.__name__}`](#{kind.__name__.lower()}): {first_sentence(kind)}"
        for child in kind.__subclasses__():
            if child.__module__ == errors.__name__:
                yield from self._below(child, depth + 1)


class ErrorClass(Generated):
    """One class of errors."""

    name_on_pages = "error-class"
    required_arguments = 1

    def lines(self) -> Iterator[str]:
        """Yield the object's description, what it means and what it is a class of."""
        kind = getattr(errors, self.arguments[0])
        caught = [base.__name__ for base in kind.__mro__[1:] if issubclass(base, Exception) and base is not Exception]
        yield "```{eval-rst}"
        yield f".. py:exception:: alchemi_core.errors.{kind.__name__}"
        yield ""
        yield f"   {first_sentence(kind)}"
        yield ""
        if caught:
            yield (
                "   Caught as "
                + ", ".join(f":py:exc:`{name}`" if hasattr(errors, name) else f"``{name}``" for name in caught)
                + "."
            )
        yield "```"


class Hooks(Generated):
    """Each hook with its docstring."""

    name_on_pages = "hooks"

    def lines(self) -> Iterator[str]:
        """Yield a reference for each hook."""
        yield "```{eval-rst}"
        for name in HOOKS:
            yield f".. autofunction:: alchemi_core.hookspecs.{name}"
            yield ""
        yield "```"


class Offers(Generated):
    """Each class of offer with its fields."""

    name_on_pages = "offers"

    def lines(self) -> Iterator[str]:
        """Yield a reference for each class."""
        yield "```{eval-rst}"
        for offer in HOOKS.values():
            yield f".. autoclass:: alchemi_core.{offer.__name__}()"
            yield ""
        yield "```"


class Commands(Generated):
    """The help of each command."""

    name_on_pages = "commands"

    def lines(self) -> Iterator[str]:
        """Yield a section for each command: those of the core, then those of plugins."""
        for command in COMMANDS:
            yield from section_of(command)
        for distribution, command in plugin_commands():
            yield from section_of(command, f"Of the plugin `{distribution}`.")


class Models(Generated):
    """The models that the plugins of this repository offer."""

    name_on_pages = "models"

    def lines(self) -> Iterator[str]:
        """Yield a row for each model."""
        yield from table_head("model", "what", "plugin", "licence", "to cite")
        for distribution, offer in offered("alchemi_models"):
            cited = ", ".join(map(linked, offer.citations))
            licence = unbroken(offer.licence) or "–"
            yield row(f"`{offer.name}`", offer.summary, f"`{distribution}`", licence, cited or "–")


class NeighborBackends(Generated):
    """What builds and converts neighbor lists."""

    name_on_pages = "neighbor-backends"

    def lines(self) -> Iterator[str]:
        """Yield a row for each backend, of each role the one that is preferred first."""
        yield from table_head("role", "backend", "rank", "devices", "what", "plugin")
        offers = sorted(offered("alchemi_neighbors"), key=lambda pair: (pair[1].role, -pair[1].rank))
        for distribution, offer in offers:
            devices = ", ".join(offer.devices)
            yield row(
                f"`{offer.role}`",
                f"`{offer.name}`",
                str(offer.rank),
                devices,
                offer.summary,
                f"`{distribution}`",
            )


class DerivativesOnOffer(Generated):
    """Strategies by name."""

    name_on_pages = "derivatives-on-offer"

    def lines(self) -> Iterator[str]:
        """Yield a row for each strategy."""
        yield from table_head("strategy", "what", "plugin")
        for distribution, offer in offered("alchemi_derivatives"):
            yield row(f"`{offer.name}`", offer.summary, f"`{distribution}`")


class Exemptions(Generated):
    """Checks that an offer need not pass."""

    name_on_pages = "exemptions"

    def lines(self) -> Iterator[str]:
        """Yield a row for each exemption, or a sentence where there is none."""
        rows = [
            row(f"`{distribution}`", f"`{offer.name}`", offer.noun, f"`{check}`", reason)
            for distribution, offer in all_offered()
            for check, reason in offer.exempt.items()
        ]
        if not rows:
            yield "No offer has one."
            return
        yield from table_head("plugin", "offer", "kind", "check", "reason")
        yield from rows


def section_of(command: Command, note: str = "") -> Iterator[str]:
    """Yield a section with the help of a command."""
    yield from (f"## `alchemi {command.name}`", "")
    yield from (note, "") if note else ()
    yield from ("```text", help_of(command).rstrip(), "```", "")


def help_of(command: Command) -> str:
    """Return what ``alchemi COMMAND --help`` prints, at a width that fits the page."""
    parser = argparse.ArgumentParser(prog=f"alchemi {command.name}", description=command.description)
    command.configure(parser)
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = HELP_WIDTH
    try:
        return parser.format_help()
    finally:
        os.environ.pop("COLUMNS")
        if before is not None:
            os.environ["COLUMNS"] = before


DIRECTIVES = (
    Quantities,
    Errors,
    ErrorClass,
    Hooks,
    Offers,
    Commands,
    Models,
    NeighborBackends,
    DerivativesOnOffer,
    Exemptions,
)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives, and the look at what was built."""
    for directive in DIRECTIVES:
        app.add_directive(directive.name_on_pages, directive)
    app.connect("build-finished", built_pages.look)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
