"""``alchemi phonons``: its options. Nothing heavy is imported here."""

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
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--supercell", type=int, nargs="+", metavar="N", help="3 multiples of the lattice vectors, or 9 numbers, by row"
    )
    size.add_argument(
        "--length", type=options.positive, default=10.0, help="of the supercell at least, Å, where none is given (10)"
    )
    parser.add_argument(
        "--displacement", type=options.positive, default=0.01, help="how far atoms are moved, Å (default: 0.01)"
    )
    parser.add_argument("--tolerance", type=options.positive, help="of symmetry, Å (default: 1e-5, or 1e-4 in float32)")
    parser.add_argument("--no-symmetry", action="store_true", help="displace every atom in all directions")
    parser.add_argument(
        "--mesh", type=options.whole, nargs=3, metavar="N", help="of q-points for sums; default: as dense as for 60 Å"
    )
    parser.add_argument("--points", type=options.whole, default=300, help="on the path of the bands (default: 300)")
    parser.add_argument(
        "--max-atoms", type=options.whole, default=512, metavar="N", help="atoms computed at once (default: 512)"
    )
    options.computing(parser)
    options.output(parser, "folder for the results (default: phonons-NAME, numbered where that exists)")


COMMAND = Command(
    "phonons",
    "phonons of a crystal: bands, density of states, thermal properties",
    "Phonons of a crystal by displaced supercells, through phonopy: bands along the standard path, density of states, "
    "thermal properties. Relax the crystal first. No splitting of longitudinal and transverse optical modes at the "
    "zone centre: that takes Born charges and a dielectric constant.",
    configure,
    "alchemi_derivatives.cli.phonons_run:run",
)
