"""Options of ``alchemi ti``. Nothing heavy is imported here, so that help is immediate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.cli.options import FILE, computing, count, model, output, positive, whole

if TYPE_CHECKING:
    import argparse

RULES = ("trapezoid", "simpson", "gauss-legendre")


def ti(parser: argparse.ArgumentParser) -> None:
    """Add options of ``alchemi ti``."""
    parser.add_argument("file", nargs="?", metavar="FILE", help=f"{FILE}; one structure")
    model(parser, required=False)
    parser.add_argument("--resume", metavar="DIR", help="go on from the last checkpoint of the run in this folder")
    parser.add_argument("--temperature", type=positive, metavar="K", help="of the bath; required")
    _windows(parser)
    _sampling(parser)
    computing(parser)
    output(parser, "folder for the results (default: ti-NAME, numbered where that exists)")


def _windows(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--coupling", metavar="NAME", help="the parameter that is switched (default: coupling)")
    help_text = "how many values of it, from 0 to 1 (default: 11)"
    nodes = parser.add_mutually_exclusive_group()
    nodes.add_argument("--windows", type=whole, metavar="N", help=help_text)
    nodes.add_argument("--lambdas", metavar="LIST", help="these values instead, such as 0,0.1,0.4,1")
    help_text = "quadrature (default: simpson for an odd number of equally spaced windows, else trapezoid); "
    help_text += "gauss-legendre places the windows itself and leaves out the ends 0 and 1"
    parser.add_argument("--rule", choices=RULES, help=help_text)
    help_text = "windows to run side by side in one batch (default: 1, each from the end of the one before)"
    parser.add_argument("--at-once", type=whole, metavar="N", help=help_text)


def _sampling(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--steps", type=whole, help="steps of each window that count (default: 10000)")
    help_text = "steps of each window before these (default: a fifth of --steps)"
    parser.add_argument("--equilibration", type=count, metavar="STEPS", help=help_text)
    parser.add_argument("--interval", type=whole, help="steps between values of dE/dλ (default: 5)")
    help_text = "hold the centre of mass where it is, with 3 degrees of freedom fewer; default: it moves"
    parser.add_argument("--fix-com", action="store_true", default=None, help=help_text)
    parser.add_argument("--timestep", type=positive, metavar="FS", help="femtoseconds (default: 1)")
    parser.add_argument("--friction", type=positive, metavar="PER_FS", help="of the bath, 1/fs (default: 0.01)")
    parser.add_argument("--checkpoint", type=whole, metavar="STEPS", help="steps between checkpoints (default: 1000)")
    parser.add_argument("--seed", type=count, help="of velocities and of the bath; default: drawn and recorded")
