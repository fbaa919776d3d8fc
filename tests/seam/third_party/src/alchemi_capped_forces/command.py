"""``alchemi cap``: how much of the forces the cap takes."""

import sys

from alchemi_core.cli.commands import Command


def configure(parser):
    """Add its options."""
    parser.add_argument("largest", type=float)


def run(arguments):
    """Print the cap beside a force."""
    from alchemi_capped_forces.capped import LARGEST

    sys.stdout.write(f"{min(arguments.largest, LARGEST):g} of {arguments.largest:g} eV/Å\n")
    return 0


COMMAND = Command("cap", "show the cap", "Show the rest of a force.", configure, "alchemi_capped_forces.command:run")
