"""Write a plugin of every kind, with a short and a long name, and have ruff and mypy look at it.

Run as ``python -P tests/support/check_scaffolds.py FOLDER`` where the core, ruff, mypy and pytest are installed. Where
lines are broken depends on the length of names, types do not.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from alchemi_core.scaffold.author import Author
from alchemi_core.scaffold.folders import write_folder
from alchemi_core.scaffold.kinds import KINDS
from alchemi_core.scaffold.names import LONGEST, PluginName
from alchemi_core.scaffold.rendering import Scaffold, files_of

SHORT, LONG = "x2", "name-of-many-letters-as-long-as-can-be-x"
LINT = (("ruff", "check", "."), ("ruff", "format", "--check", "."))
TYPES = (("mypy",),)


def main(folder: Path) -> int:
    """Return how many of the commands failed."""
    assert len(LONG) == LONGEST
    failed = 0
    for kind in (kind for roles in KINDS.values() for kind in roles):
        for name, commands in ((SHORT, (*LINT, *TYPES)), (LONG, LINT)):
            place = folder / f"{kind.folder}-{name}"
            names = PluginName.read(name)
            write_folder(place, files_of(Scaffold(names, kind, "MIT", Author("P. M. Morse"), "0.1.0", 2025)))
            failed += sum(not passes(place, *command) for command in commands)
    return failed


def passes(place: Path, *command: str) -> bool:
    """Run one command in a folder; what it prints is shown where it fails."""
    options = ("--cache-dir", str(place.parent / ".cache")) if command[0] == "mypy" else ()
    done = subprocess.run(
        [sys.executable, "-P", "-m", *command, *options], cwd=place, capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(f"{' '.join(command)} in {place.name}\n{done.stdout}{done.stderr}")  # noqa: T201
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
