"""Parts of pages that are written from the code when the pages are built.

Each directive gives Markdown, which Sphinx then reads as if it stood on the page:

``{quantities}``  the table of quantities
``{errors}``      the tree of errors, with what each means
``{hooks}``       each hook with its docstring
``{offers}``      each class of offer with its fields
``{commands}``    the help of each command
``{models}``      the models that the plugins of this repository offer
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import os
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

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
    from alchemi_core.offers import ModelOffer

PLUGINS = Path(__file__).parents[2] / "plugins"
HELP_WIDTH = "92"


class Generated(SphinxDirective):
    """Put generated Markdown in the place of the directive."""

    def lines(self) -> Iterator[str]:
        """Yield the Markdown."""
        raise AssertionError("each directive writes its own")

    def run(self) -> list[nodes.Node]:
        """Read what was written."""
        return self.parse_text_to_nodes(
            "\n".join(self.lines()), allow_section_headings=True
        )


class Quantities(Generated):
    """The table of quantities."""

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

    def lines(self) -> Iterator[str]:
        """Yield the tree, children below their parents."""
        yield from self._below(errors.AlchemiError, 0)

    def _below(self, kind: type[BaseException], depth: int) -> Iterator[str]:
        builtins = [
            base.__name__ for base in kind.__bases__ if base.__module__ == "builtins"
        ]
        also = (
            f" (also a {' and '.join(f'`{name}`' for name in builtins)})"
            if builtins and depth
            else ""
        )
        yield f"{'  ' * depth}- **`{kind.__name__}`**{also}: {first_sentence(kind)}"
        for child in kind.__subclasses__():
            if child.__module__ == errors.__name__:
                yield from self._below(child, depth + 1)


class Hooks(Generated):
    """Each hook with its docstring."""

    def lines(self) -> Iterator[str]:
        """Yield a reference for each hook."""
        yield "```{eval-rst}"
        for name in HOOKS:
            yield f".. autofunction:: alchemi_core.hookspecs.{name}"
            yield ""
        yield "```"


class Offers(Generated):
    """Each class of offer with its fields."""

    def lines(self) -> Iterator[str]:
        """Yield a reference for each class."""
        yield "```{eval-rst}"
        for offer in HOOKS.values():
            yield f".. autoclass:: alchemi_core.{offer.__name__}()"
            yield ""
        yield "```"


class Commands(Generated):
    """The help of each command."""

    def lines(self) -> Iterator[str]:
        """Yield a section for each command."""
        for command in COMMANDS:
            yield f"### `alchemi {command.name}`"
            yield ""
            yield "```text"
            yield help_of(command).rstrip()
            yield "```"
            yield ""


class Models(Generated):
    """The models that the plugins of this repository offer."""

    def lines(self) -> Iterator[str]:
        """Yield a row for each model."""
        yield from table_head("model", "what", "licence", "to cite", "plugin")
        for distribution, offer in offered_models():
            cited = ", ".join(
                f"[{doi}](https://doi.org/{doi})" for doi in offer.citations
            )
            yield row(
                f"`{offer.name}`",
                offer.summary,
                unbroken(offer.licence) or "–",
                cited or "–",
                f"`{distribution}`",
            )


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


def first_sentence(thing: object) -> str:
    """Return the first paragraph of a docstring on one line."""
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())


def help_of(command: Command) -> str:
    """Return what ``alchemi COMMAND --help`` prints, at a width that fits the page."""
    parser = argparse.ArgumentParser(
        prog=f"alchemi {command.name}", description=command.description
    )
    command.configure(parser)
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = HELP_WIDTH
    try:
        return parser.format_help()
    finally:
        os.environ.pop("COLUMNS")
        if before is not None:
            os.environ["COLUMNS"] = before


def offered_models() -> Iterator[tuple[str, ModelOffer]]:
    """Yield each model that hooks in ``plugins/`` offer, with its distribution."""
    for folder in sorted(PLUGINS.glob("*/pyproject.toml")):
        project = tomllib.loads(folder.read_text(encoding="utf-8"))["project"]
        sys.path.insert(0, str(folder.parent / "src"))
        try:
            hooks = [
                importlib.import_module(path)
                for path in project["entry-points"]["alchemi"].values()
            ]
        finally:
            sys.path.pop(0)
        for module in hooks:
            if hasattr(module, "alchemi_models"):
                yield from (
                    (project["name"], offer) for offer in module.alchemi_models()
                )


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    for directive in (Quantities, Errors, Hooks, Offers, Commands, Models):
        app.add_directive(directive.__name__.lower(), directive)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
