"""Entry of the command ``alchemi``: parse, run one command, turn errors into one message and an exit code."""

from __future__ import annotations

import argparse
import sys
import traceback
from importlib.metadata import version
from typing import TYPE_CHECKING

from alchemi_core.cli.commands import COMMANDS, EPILOG, Command
from alchemi_core.cli.interrupts import exit_code
from alchemi_core.cli.plugin_commands import commands_for
from alchemi_core.cli.streams import say_line_by_line
from alchemi_core.errors import AlchemiError
from alchemi_core.offers import load_target

if TYPE_CHECKING:
    from collections.abc import Sequence

SUCCESS = 0
UNFINISHED = 1
BAD_INPUT = 2
DEFECT = 3
"""Exit codes; that of a command that was stopped comes from `alchemi_core.cli.interrupts.exit_code`."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; by default those of the process.

    Returns
    -------
    int
        0 when all is done, 1 when a relaxation did not converge or a check found something wrong, 2 for bad input,
        3 for a defect, 130 when interrupted.
    """
    if argv is None:
        say_line_by_line()
    try:
        return _parse_and_run(list(sys.argv[1:] if argv is None else argv))
    except KeyboardInterrupt as stop:
        sys.stderr.write("alchemi: interrupted\n")
        return exit_code(stop)


def _parse_and_run(words: list[str]) -> int:
    try:
        arguments = parser(commands_for(words)).parse_args(words)
        arguments.words = words
        return int(load_target(arguments.command_target)(arguments))
    except Exception as error:  # noqa: BLE001 - outermost layer: every error becomes one message and a code
        return report(error, debug="--debug" in words)


def report(error: Exception, *, debug: bool) -> int:
    """Print an error for a person: its text, or the traceback where that was asked for."""
    if debug:
        traceback.print_exception(error)
    expected = isinstance(error, AlchemiError | OSError)
    if expected:
        sys.stderr.write(f"alchemi: {error}\n")
        return BAD_INPUT
    notes = "".join(f"\n  {note}" for note in getattr(error, "__notes__", ()))
    sys.stderr.write(f"alchemi: unexpected {type(error).__name__}: {error}{notes}\n")
    if not debug:
        sys.stderr.write("  this is a defect of alchemi or of a plugin; --debug shows where\n")
    return DEFECT


def parser(commands: Sequence[Command] = COMMANDS) -> argparse.ArgumentParser:
    """Build the parser of the commands given; imports none of them."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show tracebacks of errors")
    whole = argparse.ArgumentParser(
        prog="alchemi",
        description="Compose interatomic potentials and run them on structures.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument("--version", action="version", version=f"alchemi {version('alchemi-core')}")
    whole.add_argument("--debug", action="store_true", help="show tracebacks of errors")
    chosen = whole.add_subparsers(metavar="COMMAND", required=True)
    for command in commands:
        one = chosen.add_parser(command.name, parents=[common], help=command.summary, description=command.description)
        command.configure(one)
        one.set_defaults(command_target=command.target)
    return whole
