"""``alchemi relax-many``: its name, help and options. Nothing heavy is imported here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.cli import options
from alchemi_core.cli.commands import Command

if TYPE_CHECKING:
    import argparse

OPTIMIZERS = ("fire", "fire-verlet")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add its options."""
    parser.add_argument("files", nargs="+", metavar="FILE", help=options.FILE)
    options.model(parser)
    help_text = "largest force at the end, eV/Å (default: 0.005)"
    parser.add_argument("--fmax", type=options.positive, default=0.005, help=help_text)
    help_text = "give a structure up after this many steps (default: 500)"
    parser.add_argument("--steps", type=options.count, default=500, help=help_text)
    parser.add_argument("--optimizer", choices=OPTIMIZERS, default="fire", help="default: fire, nearly as ASE has it")
    parser.add_argument("--fix-cell", action="store_true", help="relax positions only")
    help_text = "atoms in a batch (default: what memory allows; on the CPU not more than is of use)"
    parser.add_argument("--atoms-at-once", type=options.whole, metavar="N", help=help_text)
    options.computing(parser)
    options.output(parser, "folder for the results (default: relaxed-NAME, numbered where that exists)")


COMMAND = Command(
    "relax-many",
    "relax many structures at once, in batches",
    "Relax many structures together: atomic positions, and the cells of those that are periodic in all directions. "
    "Those that are done make room for others; one that fails is named, and the others go on. Exit code 1 where one "
    "did not converge, 2 where one failed.",
    configure,
    "alchemi_torchsim.cli.relax_many_run:run",
)
