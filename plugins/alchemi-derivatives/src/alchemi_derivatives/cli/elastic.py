"""``alchemi elastic``: its options. Nothing heavy is imported here, so that help is immediate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.cli import options
from alchemi_core.cli.commands import Command

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("file", metavar="FILE", help=f"{options.FILE}; one crystal")
    options.model(parser)
    parser.add_argument(
        "--method",
        choices=("auto", "graph", "differences"),
        default="auto",
        help="second derivatives on the graph, or differences of forces; default: the graph where models allow it",
    )
    parser.add_argument(
        "--step",
        type=options.positive,
        help="of differences: strain, and displacement in Å (default: 0.001, in float32 0.005)",
    )
    parser.add_argument("--clamped", action="store_true", help="ions move with the cell only; no relaxed constants")
    parser.add_argument("--relax", action="store_true", help="relax positions and cell first")
    parser.add_argument(
        "--fmax",
        type=options.positive,
        default=0.001,
        help="of --relax: largest force at the end, eV/Å (default: 0.001)",
    )
    parser.add_argument("--steps", type=options.count, default=500, help="of --relax: most steps (default: 500)")
    options.computing(parser)
    options.output(parser, "folder for the results (default: elastic-NAME, numbered where that exists)")


COMMAND = Command(
    "elastic",
    "elastic constants, moduli and stability of a crystal",
    "Elastic constants of a crystal, ions clamped and relaxed, with moduli of polycrystals and mechanical stability.",
    configure,
    "alchemi_derivatives.cli.elastic_run:run",
)
