"""Commands that plugins bring: entry points of the group ``alchemi.commands``, each naming a `Command`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import importlib_metadata

from alchemi_core.cli.commands import COMMANDS, Command
from alchemi_core.distributions import PluginSource
from alchemi_core.errors import PluginError
from alchemi_core.selection import Selection

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

GROUP = "alchemi.commands"
OWN = frozenset(command.name for command in COMMANDS)


def commands_for(words: list[str], environ: Mapping[str, str] = os.environ) -> tuple[Command, ...]:
    """Return the commands that a command line may mean.

    Plugins are only asked where the core has no such command, so that its own start without them.

    Parameters
    ----------
    words : list of str
        The command line.
    environ : mapping of str to str
        Read for ``ALCHEMI_PLUGINS`` and ``ALCHEMI_BLOCK_PLUGINS``, as for offers.

    Raises
    ------
    PluginError
        If the command that is called cannot be used. In the help of all commands the reason is listed instead.
    """
    first = next((word for word in words if not word.startswith("-")), "")
    if first in OWN:
        return COMMANDS
    selection = Selection.from_environ(environ)
    brought: dict[str, list[PluginSource]] = {}
    for source in _sources():
        if source.plugin not in OWN and not selection.objection(source):
            brought.setdefault(source.plugin, []).append(source)
    return (*COMMANDS, *(_command(name, sources, called=name == first) for name, sources in brought.items()))


def _sources() -> list[PluginSource]:
    entries = importlib_metadata.entry_points(group=GROUP)
    sources = [_source(entry) for entry in entries]
    return sorted(sources, key=lambda source: (source.plugin, source.distribution))


def _source(entry: Any) -> PluginSource:
    name, version = (entry.dist.name, entry.dist.version) if entry.dist else ("?", "")
    return PluginSource(entry.name, name, version, (), entry.load)


def _command(name: str, sources: list[PluginSource], *, called: bool) -> Command:
    """Load one command; one that cannot be used is refused where it is called, and else listed with the reason."""
    try:
        return _loaded(name, sources)
    except PluginError as error:
        if called:
            raise
        return Command(name, error.found.replace("%", "%%"), "", _nothing, "")


def _loaded(name: str, sources: list[PluginSource]) -> Command:
    if len(sources) > 1:
        raise PluginError(
            f"{' and '.join(source.distribution for source in sources)} both bring the command {name!r}",
            expected="one of them",
            who="plugins",
            fix=f"ALCHEMI_BLOCK_PLUGINS={sources[-1].distribution}, or uninstall one",
        )
    source = sources[0]
    label = f"{source.distribution} {source.version}"
    try:
        command = source.load()
    except (Exception, SystemExit) as error:
        reason = f"the command does not load: {type(error).__name__}: {error}"
        raise PluginError(reason, who=label, fix="install what is missing, or tell its author") from error
    if not isinstance(command, Command):
        raise PluginError(f"the command does not load: it is {command!r}, not a Command", who=label)
    if command.name != name:
        raise PluginError(f"the command does not load: it calls itself {command.name!r}, not {name!r}", who=label)
    return command


def _nothing(parser: argparse.ArgumentParser) -> None:
    """Add no options: the command is there to be listed."""
