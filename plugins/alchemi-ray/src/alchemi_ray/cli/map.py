"""``alchemi map``: its options. Nothing heavy is imported here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.cli import options
from alchemi_core.cli.commands import Command

if TYPE_CHECKING:
    import argparse

DATASET = "files, folders or patterns: .extxyz or .xyz (also .gz, .bz2, .xz), .db or .json of ASE, .parquet"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("dataset", nargs="*", metavar="DATASET", help=DATASET)
    options.model(parser, required=False)
    _task(parser)
    _engine(parser)
    parser.add_argument("--device", help="cpu or cuda (default: cpu)")
    parser.add_argument("--dtype", choices=("float64", "float32"), help="of positions and results (default: float64)")
    parser.add_argument("--form", choices=("parquet", "extxyz"), help="of the results (default: parquet)")
    help_text = "structures of a shard, which is done or not done as a whole (default: by task and size of the dataset)"
    parser.add_argument("--shard-size", type=options.whole, metavar="N", help=help_text)
    options.output(parser, "folder for the results (default: map-NAME, numbered where that exists)")
    parser.add_argument("--resume", metavar="DIR", help="go on with the run in this folder")
    parser.add_argument("--no-report", action="store_true", help="write no report.html")


def _task(parser: argparse.ArgumentParser) -> None:
    tasks = ("singlepoint", "relax", "phonons")
    parser.add_argument("--task", choices=tasks, help="default: singlepoint")
    of = parser.add_argument_group("of --task singlepoint")
    help_text = "comma list; default: energy, forces, stress where there is a volume, and spreads of committees"
    of.add_argument("--outputs", metavar="NAMES", help=help_text)
    help_text = "keep what each step of the model adds to forces and stress, beside the energy"
    of.add_argument("--contributions", action="store_true", default=None, help=help_text)
    of = parser.add_argument_group("of --task relax, as for alchemi relax")
    of.add_argument("--fmax", type=options.positive, help="largest force at the end, eV/Å (default: 0.005)")
    of.add_argument("--steps", type=options.count, help="give up after this many steps (default: 500)")
    of.add_argument("--optimizer", choices=options.OPTIMIZERS, help="default: bfgs")
    of.add_argument("--fix-cell", action="store_true", default=None, help="relax positions only")
    of = parser.add_argument_group("of --task phonons, as for alchemi phonons")
    of.add_argument("--supercell", type=options.whole, nargs=3, metavar="N", help="multiples of the lattice vectors")
    of.add_argument("--length", type=options.positive, help="of the supercell at least, Å (default: 10)")
    of.add_argument("--displacement", type=options.positive, help="how far atoms are moved, Å (default: 0.01)")
    of.add_argument("--mesh", type=options.whole, nargs=3, metavar="N", help="of q-points; default: as for 60 Å")


def _engine(parser: argparse.ArgumentParser) -> None:
    help_text = "local: processes of this machine (default); ray: actors on a Ray cluster"
    parser.add_argument("--engine", choices=("local", "ray"), help=help_text)
    help_text = (
        "how many (local: all on one device); default: local: this process alone; ray: what the cluster has room for"
    )
    parser.add_argument("--workers", type=options.whole, metavar="N", help=help_text)
    help_text = "of a Ray cluster, such as HOST:6379 or auto; default: local, one that begins and ends with the run"
    parser.add_argument("--address", metavar="ADDRESS", help=help_text)
    help_text = "accelerators of each worker on Ray, such as 0.5 (default: 1 with --device cuda, else 0)"
    parser.add_argument("--gpus", type=options.positive, metavar="N", help=help_text)


COMMAND = Command(
    "map",
    "a dataset of structures, on one machine or a Ray cluster, resumable",
    "Compute, relax or take phonons of every structure of a dataset, however large. It is read in a stream and cut "
    "into shards; each structure ends up once in the results or, with the reason, in the table of failures. A run "
    "that was stopped or killed goes on with --resume. Exit code 1 where structures failed or did not converge.",
    configure,
    "alchemi_ray.cli.map_run:run",
)
