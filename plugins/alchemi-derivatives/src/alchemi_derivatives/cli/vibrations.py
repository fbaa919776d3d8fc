"""``alchemi vibrations``: its name, help and options. Nothing heavy is imported here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.cli import options
from alchemi_core.cli.commands import Command

if TYPE_CHECKING:
    import argparse

METHODS = ("auto", "graph", "differences")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add its options."""
    parser.add_argument("file", metavar="FILE", help=f"{options.FILE}; one structure")
    options.model(parser)
    help_text = "second derivatives on the graph, by differences of forces, or on the graph where possible (default)"
    parser.add_argument("--method", choices=METHODS, default="auto", help=help_text)
    help_text = "displacement of the differences, Å (default: 0.005, in float32 0.01)"
    parser.add_argument("--step", type=options.positive, help=help_text)
    parser.add_argument("--relax", action="store_true", help="relax the positions first; the cell stays")
    help_text = "largest force at the end of --relax, eV/Å (default: 0.001)"
    parser.add_argument("--fmax", type=options.positive, help=help_text)
    options.computing(parser)
    options.output(parser, "folder for the results (default: vibrations-NAME, numbered where that exists)")


COMMAND = Command(
    "vibrations",
    "harmonic vibrations: frequencies, modes, zero-point energy",
    "Harmonic frequencies of a molecule, or of a crystal at the zone centre, with modes and the zero-point energy.",
    configure,
    "alchemi_derivatives.cli.vibrations_run:run",
)
