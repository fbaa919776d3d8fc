"""``alchemi export``: its options. Nothing heavy is imported here, so that help is immediate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.cli.commands import Command

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("pipeline", metavar="PIPELINE", help="NAME.alchemi, NAME.toml, or a model expression")
    parser.add_argument("-o", "--out", metavar="FILE", required=True, help="the file to write, NAME.pt")
    parser.add_argument(
        "--dtype", choices=("float64", "float32"), default="float64", help="precision (default: float64)"
    )
    help_text = "fix weights at this value of a coupling parameter; may be given several times"
    parser.add_argument("--coupling", metavar="NAME=VALUE", action="append", default=[], help=help_text)
    parser.add_argument("--name", default="", help="name of the model (default: made of its steps)")
    parser.add_argument("--description", default="", help="of the model, for people (default: made of its steps)")
    parser.add_argument("--author", action="append", default=[], help="of the model; may be given several times")
    help_text = "comma list of physics that two models may both contain, or level_of_theory"
    parser.add_argument("--accept", metavar="NAMES", help=help_text)
    parser.add_argument("--overwrite", action="store_true", help="replace FILE")


COMMAND = Command(
    "export",
    "write a pipeline for LAMMPS and other engines",
    "Write the energy of a pipeline as a metatomic model, which LAMMPS, GROMACS, ASE, i-PI and others run without "
    "Python or with it. Models have to have a form in TorchScript; a pipeline with one that has none is refused.",
    configure,
    "alchemi_metatomic.cli.export_run:run",
)
