"""``alchemi new-plugin``: write a distribution that works as it stands, for its author to fill in."""

from __future__ import annotations

import datetime as dt
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from alchemi_core.distributions import core_version
from alchemi_core.registry import default_registry
from alchemi_core.scaffold.author import author_of
from alchemi_core.scaffold.folders import refuse_occupied, write_folder
from alchemi_core.scaffold.kinds import kind_of
from alchemi_core.scaffold.licences import licence_named
from alchemi_core.scaffold.names import PluginName
from alchemi_core.scaffold.rendering import MARK, Scaffold, files_of, places_in
from alchemi_core.scaffold.taken import refuse_taken

if TYPE_CHECKING:
    import argparse


def run(arguments: argparse.Namespace) -> int:
    """Write the folder and print what is left to do; or print what would be written."""
    scaffold = _scaffold(arguments)
    folder = Path(scaffold.names.distribution if arguments.out is None else arguments.out)
    files = files_of(scaffold)
    if arguments.dry_run:
        refuse_occupied(folder)
        sys.stdout.write("".join(f"{folder / name}\n" for name in files))
        return 0
    write_folder(folder, files)
    sys.stdout.write(_report(scaffold, folder, files))
    return 0


def _scaffold(arguments: argparse.Namespace) -> Scaffold:
    names, kind = PluginName.read(arguments.name), kind_of(arguments.kind, arguments.role)
    refuse_taken(names, kind, default_registry())
    return Scaffold(
        names=names,
        kind=kind,
        licence=licence_named(arguments.licence),
        author=author_of(arguments.author),
        core=core_version(),
        year=dt.datetime.now(tz=dt.UTC).year,
    )


def _report(scaffold: Scaffold, folder: Path, files: dict[str, str]) -> str:
    """Return what was written, which places wait for the author, and what to type next."""
    places = [(f"{folder / place.path}:{place.line}", place.text) for place in places_in(files)]
    width = max(len(where) for where, _ in places)
    lines = [
        f"wrote {folder}: {scaffold.names.distribution}, a {scaffold.kind.noun}, {len(files)} files",
        "",
        f'places to fill in, each marked "{MARK}"',
        *(f"  {where.ljust(width)}  {text}" for where, text in places),
        "",
        "it works as it stands",
        f"  cd {shlex.quote(str(folder))}",
        '  python -m pip install -e ".[test]"',
        "  python -m pytest",
        f"  alchemi check --plugin {scaffold.names.distribution}",
    ]
    return "\n".join(lines) + "\n"
