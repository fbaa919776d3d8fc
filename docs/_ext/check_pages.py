"""Parts of the page on the conformance kit that are written from the code when the pages are built.

``{checks} KIND``     the checks of one kind of subject, and what passing each proves
``{structures}``      the structures that models are checked on, with the reason each exists
``{neighbor-cases}``  the structures that neighbor backends are checked on
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from generated_pages import Generated
from markdown_tables import row, table_head

from alchemi_core.testing.model_subject import MADE
from alchemi_core.testing.neighbor_cases import CASES
from alchemi_core.testing.resolving import RESOLVES
from alchemi_core.testing.structures import STRUCTURES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx

KIT = "alchemi_core.testing"
SUITES = {
    "model": ("model_suite:MODEL_CHECKS",),
    "derivative": (
        "derivative_checks.answers:PROMISES",
        "derivative_checks.references:ABOUT",
        "derivative_checks.values:PROMISES",
        "derivative_checks.batches:PROMISES",
        "derivative_checks.habits:PROMISES",
        "derivative_checks.lives:PROMISES",
    ),
    "reduction": ("reduction_checks:PROMISES",),
    "serializer": ("serializer_checks.suite:PROMISES",),
    "plugin": ("plugin_checks:PROMISES",),
}
"""Where the checks of each kind stand, in the order of reports; those of neighbor backends are told by case."""

RESOLVED = (("resolves", RESOLVES),)
FIRST = {
    "model": (
        ("can-be-made", MADE),
        ("answers", "the model answers; shown only where it does not, in place of all others"),
        ("takes-STRUCTURE", "it answers for that structure, rather than refusing it"),
    ),
    "plugin": (),
}
"""What is checked before all else."""


def suite(kind: str) -> Iterator[tuple[str, str]]:
    """Yield the checks of one kind of subject: the name of each, and what passing it proves."""
    for place in SUITES[kind]:
        module, _, name = place.partition(":")
        found = getattr(import_module(f"{KIT}.{module}"), name)
        yield from found.items() if isinstance(found, dict) else ((one.name, one.about) for one in found)


class Checks(Generated):
    """The checks of one kind of subject."""

    name_on_pages = "checks"
    required_arguments = 1

    def lines(self) -> Iterator[str]:
        """Yield a row for each check."""
        yield from table_head("check", "what passing it proves")
        for name, about in FIRST.get(self.arguments[0], RESOLVED):
            yield row(f"`{name}`", about)
        for name, about in suite(self.arguments[0]):
            yield row(f"`{name}`", about)


class Structures(Generated):
    """The structures that models are checked on."""

    name_on_pages = "structures"

    def lines(self) -> Iterator[str]:
        """Yield a row for each structure."""
        yield from table_head("structure", "why it is there")
        for one in STRUCTURES:
            yield row(f"`{one.name}`", one.reason)


class NeighborCases(Generated):
    """The structures that neighbor backends are checked on."""

    name_on_pages = "neighbor-cases"

    def lines(self) -> Iterator[str]:
        """Yield their names as a sentence."""
        yield ", ".join(f"`{one.name}`" for one in CASES) + "."


DIRECTIVES = (Checks, Structures, NeighborCases)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    for directive in DIRECTIVES:
        app.add_directive(directive.name_on_pages, directive)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
