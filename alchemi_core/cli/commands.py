"""The commands: a name, what it does, its options, and the function that runs it, imported only then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alchemi_core.cli import options
from alchemi_core.cli.ti_options import ti

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

EPILOG = """\
examples:
  alchemi models
  alchemi relax graphite.cif --model "sevennet + dftd3(functional='pbe')"
  alchemi md nacl.cif --model "0.5*sevennet + 0.5*chgnet" --ensemble nvt --temperature 300 --steps 1000

exit codes: 0 done, 1 not converged, not the same or not right, 2 bad input, 3 a defect, 130 interrupted
"""


@attrs.frozen
class Command:
    """One command.

    Parameters
    ----------
    name, summary, description : str
        For the help pages.
    configure : callable
        Adds its options to a parser.
    target : str
        ``"module:function"`` that takes the parsed arguments and returns the exit code.
    """

    name: str
    summary: str
    description: str
    configure: Callable[[argparse.ArgumentParser], None]
    target: str


COMMANDS = (
    Command(
        "models",
        "list the models on offer",
        "List the models that installed plugins offer. Imports none of them.",
        options.listing,
        "alchemi_core.cli.models:run",
    ),
    Command(
        "plugins",
        "list plugins, what they offer, and which failed",
        "List installed plugins with versions and offers, and those that failed with the reason.",
        options.plugins,
        "alchemi_core.cli.plugins:run",
    ),
    Command(
        "doctor",
        "what is installed, what is wrong with it, and whether it works",
        "Report versions, devices, plugins, requirements that are not met and neighbor backends, and run a self-test "
        "of a few seconds, in a form to paste into a bug report. Exit code 1 where something is wrong.",
        options.doctor,
        "alchemi_core.cli.doctor:run",
    ),
    Command(
        "plan",
        "print what a pipeline would do",
        "Print the plan of a model expression or of a pipeline in a file: who feeds whom, which neighbor lists, what "
        "each output is made of.",
        options.plan,
        "alchemi_core.cli.plan:run",
    ),
    Command(
        "save",
        "write a pipeline to a file",
        "Write a pipeline to one file from which it is made again, weights included; or as text for people: TOML, "
        "Python or a model expression.",
        options.save,
        "alchemi_core.cli.save:run",
    ),
    Command(
        "inspect",
        "what is in a pipeline file, and whether it loads here",
        "Show what a pipeline file holds, from whom, which plugins it needs, whether this machine can load it, and "
        "what to cite. Reads the head of the file only and runs nothing of it.",
        options.inspect,
        "alchemi_core.cli.inspect:run",
    ),
    Command(
        "diff",
        "how two pipelines differ",
        "Show how two pipelines differ: models, options, weights, topology, settings. Exit code 1 where they do.",
        options.diff,
        "alchemi_core.cli.diff:run",
    ),
    Command(
        "check",
        "whether a model or a plugin is right",
        "Run the checks of the conformance kit that belong to what a model declares: symmetries, derivatives against "
        "central differences, batches, neighbor lists, smoothness, float32, saving. Exit code 1 where one fails.",
        options.check,
        "alchemi_core.cli.check:run",
    ),
    Command(
        "singlepoint",
        "energy, forces and stress of structures as they are",
        "Compute any number of structures as they are: energy in all, per term, largest force, pressure; with "
        "--contributions what each step of the model adds to them.",
        options.singlepoint,
        "alchemi_core.cli.singlepoint:run",
    ),
    Command(
        "derive",
        "any derivative that a strategy on offer takes",
        "Take derivatives of the energy, or of what else models predict, by any strategy that a plugin offers: second "
        "derivatives, differences, responses. Prints a summary of each output; --out keeps the numbers.",
        options.derive,
        "alchemi_core.cli.derive:run",
    ),
    Command(
        "relax",
        "relax positions and cell",
        "Relax atomic positions, and the cell where a structure is periodic in all directions.",
        options.relax,
        "alchemi_core.cli.relax:run",
    ),
    Command(
        "md",
        "molecular dynamics, restartable",
        "Molecular dynamics with a trajectory, a log and checkpoints. A run that was stopped or killed goes on from "
        "its last checkpoint with --resume. --stop-if ends it where a condition holds.",
        options.md,
        "alchemi_core.cli.md:run",
    ),
    Command(
        "ti",
        "free energy differences by thermodynamic integration, restartable",
        "Integrate the average of dE/dλ over windows of a coupling parameter λ of which the model's weights are "
        "functions. Each window is sampled by Langevin dynamics; error bars by block averaging. A run that was stopped "
        "or killed goes on from its last checkpoint with --resume.",
        ti,
        "alchemi_core.cli.ti:run",
    ),
    Command(
        "new-plugin",
        "write a plugin to fill in",
        "Write a distribution of a plugin of your own. As it stands it installs, passes its tests and the conformance "
        "checks, and works; the places to fill in are marked and listed.",
        options.new_plugin,
        "alchemi_core.cli.new_plugin:run",
    ),
)
