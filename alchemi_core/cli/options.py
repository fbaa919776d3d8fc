"""Options of each command. Nothing heavy is imported here, so that help is immediate."""

from __future__ import annotations

import argparse
import math

from alchemi_core.scaffold.kinds import KINDS, ROLES

OPTIMIZERS = ("bfgs", "lbfgs", "fire")
ENSEMBLES = ("nve", "nvt", "npt")
FORMS = ("toml", "python", "expression")
BAROSTATS = ("isotropic", "full")


def listing(parser: argparse.ArgumentParser) -> None:
    """Add options of ``alchemi models``."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def plugins(parser: argparse.ArgumentParser) -> None:
    """Add options of ``alchemi plugins``."""
    listing(parser)
    parser.add_argument("--traceback", action="store_true", help="show the tracebacks of plugins that failed")


def doctor(parser: argparse.ArgumentParser) -> None:
    """Add options of ``alchemi doctor``."""
    listing(parser)
    parser.add_argument("--full", action="store_true", help="import all that plugins offer, which may take a minute")


def plan(parser: argparse.ArgumentParser) -> None:
    """Add options of ``alchemi plan``."""
    parser.add_argument("file", nargs="?", metavar="FILE", help="a pipeline, NAME.alchemi or NAME.toml; or --model")
    model(parser, required=False)
    derivative(parser, required=False)
    parser.add_argument("--outputs", metavar="NAMES", help="comma list, such as energy,forces; default: all active")


def save(parser: argparse.ArgumentParser) -> None:
    """Add options of ``alchemi save``."""
    help_text = "NAME.alchemi holds all, weights too; NAME.toml and NAME.py are texts that name the models"
    parser.add_argument("file", nargs="?", metavar="FILE", help=help_text)
    model(parser)
    derivative(parser, required=False)
    parser.add_argument("--as", dest="form", choices=FORMS, help="print the pipeline as text instead of writing a file")
    help_text = "leave weights out that a plugin brings itself, and name them by checksums"
    parser.add_argument("--reference-weights", action="store_true", help=help_text)
    parser.add_argument("--overwrite", action="store_true", help="replace FILE; comments in a TOML file stay")


def inspect(parser: argparse.ArgumentParser) -> None:
    """Add options of ``alchemi inspect``."""
    parser.add_argument("file", metavar="FILE", help="a pipeline, NAME.alchemi")
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--json", action="store_true", help="print JSON")
    shown.add_argument("--bibtex", action="store_true", help="print what to cite, as BibTeX, and nothing else")


def diff(parser: argparse.ArgumentParser) -> None:
    """Add options of ``alchemi diff``."""
    for name in ("one", "other"):
        parser.add_argument(name, metavar="MODEL", help="NAME.alchemi, NAME.toml, or a model expression")


def derive(parser: argparse.ArgumentParser) -> None:
    """Add options of ``alchemi derive``."""
    parser.add_argument("files", nargs="+", metavar="FILE", help=FILE)
    model(parser)
    derivative(parser)
    default = "default: the energy and what only this strategy gives"
    parser.add_argument("--outputs", metavar="NAMES", help=f"comma list, such as hessian,forces; {default}")
    computing(parser)
    output(parser, "write results and run.json here; default: print a summary only")


def singlepoint(parser: argparse.ArgumentParser) -> None:
    """Add options of ``alchemi singlepoint``."""
    parser.add_argument("files", nargs="+", metavar="FILE", help=FILE)
    model(parser)
    help_text = "print what each step of the model adds to energy, forces and stress; --out also keeps and draws that"
    parser.add_argument("--contributions", action="store_true", help=help_text)
    computing(parser)
    output(parser, "write results.extxyz and run.json here; default: print only")


def relax(parser: argparse.ArgumentParser) -> None:
    """Add options of ``alchemi relax``."""
    parser.add_argument("files", nargs="+", metavar="FILE", help=FILE)
    model(parser)
    parser.add_argument("--fmax", type=positive, default=0.005, help="largest force at the end, eV/Å (default: 0.005)")
    parser.add_argument("--steps", type=count, default=500, help="give up after this many steps (default: 500)")
    parser.add_argument("--optimizer", choices=OPTIMIZERS, default="bfgs", help="default: bfgs")
    parser.add_argument("--fix-cell", action="store_true", help="relax positions only")
    computing(parser)
    output(parser, "folder for the results (default: relaxed-NAME, numbered where that exists)")


def md(parser: argparse.ArgumentParser) -> None:
    """Add options of ``alchemi md``."""
    parser.add_argument("file", nargs="?", metavar="FILE", help=f"{FILE}; one structure")
    model(parser, required=False)
    parser.add_argument("--resume", metavar="DIR", help="go on from the last checkpoint of the run in this folder")
    parser.add_argument("--ensemble", choices=ENSEMBLES, help="nve (default), nvt (Langevin) or npt (MTK)")
    parser.add_argument(
        "--temperature", type=positive, metavar="K", help="of the start, and of the bath in nvt and npt"
    )
    parser.add_argument("--pressure", type=finite, metavar="GPA", help="of npt, GPa (default: 0)")
    parser.add_argument(
        "--barostat", choices=BAROSTATS, help="npt: let the volume change (default), or all of the cell"
    )
    parser.add_argument("--timestep", type=positive, metavar="FS", help="femtoseconds (default: 1)")
    parser.add_argument("--friction", type=positive, metavar="PER_FS", help="of nvt, 1/fs (default: 0.01)")
    parser.add_argument("--steps", type=count, help="steps in all, those before --resume included (default: 1000)")
    parser.add_argument("--interval", type=whole, help="steps between frames and log lines (default: 10)")
    parser.add_argument("--checkpoint", type=whole, metavar="STEPS", help="steps between checkpoints (default: 100)")
    parser.add_argument("--seed", type=count, help="of initial velocities and of the bath; default: drawn and recorded")
    help_text = (
        'end the run when this holds, looked at in every step, such as "max(forces) > 20 or temperature > 2000": '
        "comparisons of outputs of the model, temperature (K), step and time (fs) with numbers in eV and Å, joined by "
        "and, or, not; + - * / and max, min, mean, norm, abs. Where there are many values, any of them will do; "
        "vectors such as forces count by their length. With --resume, 'never' goes on without"
    )
    parser.add_argument("--stop-if", metavar="CONDITION", help=help_text)
    computing(parser)
    output(parser, "folder for the results (default: md-NAME, numbered where that exists)")


def new_plugin(parser: argparse.ArgumentParser) -> None:
    """Add options of ``alchemi new-plugin``."""
    help_text = "such as stillinger-weber: makes the distribution alchemi-stillinger-weber"
    parser.add_argument("name", metavar="NAME", help=help_text)
    parser.add_argument("--kind", choices=tuple(KINDS), default="model", help="what it offers (default: model)")
    parser.add_argument("--role", choices=ROLES, help="of --kind neighbors (default: builder)")
    help_text = "SPDX name (default: MIT); the text comes with MIT, BSD-3-Clause and Apache-2.0"
    parser.add_argument("--licence", metavar="NAME", default="MIT", help=help_text)
    parser.add_argument("--author", metavar="NAME", help="'Name' or 'Name <email>' (default: the name git knows)")
    parser.add_argument("--out", metavar="DIR", help="the folder to make (default: alchemi-NAME)")
    parser.add_argument("--dry-run", action="store_true", help="print the files and write nothing")


def check(parser: argparse.ArgumentParser) -> None:
    """Add options of ``alchemi check``."""
    help_text = 'a model, such as "lennard-jones(cutoff=8.5)", a sum of several, or a pipeline in a file'
    parser.add_argument("model", nargs="?", metavar="MODEL", help=help_text)
    parser.add_argument("--plugin", metavar="NAME", help="everything an installed plugin offers, and the plugin itself")
    parser.add_argument("--list", action="store_true", help="list the checks instead of running them")
    parser.add_argument("--only", metavar="NAMES", help="comma list of parts of names: run only these checks")
    help_text = "a check that need not pass, with the reason; may be repeated; it fails if the check passes after all"
    parser.add_argument("--exempt", metavar="NAME=REASON", action="append", help=help_text)
    help_text = "relative error that the method itself makes, such as that of an Ewald sum (default: 0)"
    parser.add_argument("--accuracy", type=positive, metavar="ERROR", help=help_text)
    parser.add_argument("--device", help="cpu or cuda (default: cpu)")
    parser.add_argument("--accept", metavar="NAMES", help="comma list of physics that may be counted twice")
    parser.add_argument("--times", action="store_true", help="print how long each check took")
    parser.add_argument("--json", action="store_true", help="print JSON")


FILE = "structures in any format ASE reads; FILE@0:10 takes some of them"


def model(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Add ``--model`` and its companions."""
    help_text = "models, such as \"[eeq, ewald] + dftd3(functional='pbe')\" (alchemi models lists them), or a pipeline "
    help_text += "in a file, NAME.alchemi or NAME.toml"
    parser.add_argument("--model", metavar="MODEL", required=required, help=help_text)
    help_text = "comma list of physics that may be counted twice, such as dispersion, or level_of_theory"
    parser.add_argument("--accept", metavar="NAMES", help=help_text)


def derivative(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Add ``--derivative``."""
    help_text = "a strategy on offer, such as \"hessian(method='differences')\"; alchemi plugins lists them"
    parser.add_argument("--derivative", metavar="STRATEGY", required=required, help=help_text)


def computing(parser: argparse.ArgumentParser) -> None:
    """Add ``--device``, ``--dtype`` and ``--format``."""
    parser.add_argument("--device", help="cpu or cuda (default: cpu)")
    parser.add_argument("--dtype", choices=("float64", "float32"), help="of positions and results (default: float64)")
    parser.add_argument("--format", help="format of the files, as ASE names it; default: guessed")


def output(parser: argparse.ArgumentParser, help_text: str) -> None:
    """Add ``--out`` and ``--overwrite``."""
    parser.add_argument("--out", metavar="DIR", help=help_text)
    parser.add_argument("--overwrite", action="store_true", help="write into --out though it is not empty")


def finite(text: str) -> float:
    """Read a finite number."""
    value = _number(text)
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not finite")
    return value


def positive(text: str) -> float:
    """Read a finite number above zero."""
    value = finite(text)
    if value <= 0.0:
        raise argparse.ArgumentTypeError(f"{text!r} is not above zero")
    return value


def count(text: str) -> int:
    """Read a whole number, 0 or more."""
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is below zero")
    return value


def whole(text: str) -> int:
    """Read a whole number, 1 or more."""
    value = count(text)
    if value == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not above zero")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
