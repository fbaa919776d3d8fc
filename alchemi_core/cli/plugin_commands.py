"""Commands that plugins bring: entry points of the group ``alchemi.commands``, each naming a `Command`."""

from __future__ import annotations

import os
from functools import partial
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
NOWHERE = "alchemi_core.cli.plugin_commands:refuse"


def commands_for(words: list[str], environ: Mapping[str, str] = os.environ) -> tuple[Command, ...]:
    """Return the commands that a command line may mean.

    Plugins are only asked where the core has no such command, so that its own start without them.

    Parameters
    ----------
    words : list of str
        The command line.
    environ : mapping of str to str
        Read for ``ALCHEMI_PLUGINS`` and ``ALCHEMI_BLOCK_PLUGINS``, as for offers.
    """
    first = next((word for word in words if not word.startswith("-")), "")
    if any(command.name == first for command in COMMANDS):
        return COMMANDS
    return (*COMMANDS, *_brought(Selection.from_environ(environ)))


def _brought(selection: Selection) -> list[Command]:
    taken: dict[str, PluginSource] = {}
    commands = [_command(source, taken) for source in _sources() if not selection.objection(source)]
    return [command for command in commands if command is not None]


def _sources() -> list[PluginSource]:
    entries = importlib_metadata.entry_points(group=GROUP)
    sources = [_source(entry) for entry in entries]
    return sorted(sources, key=lambda source: (source.plugin, source.distribution))


def _source(entry: Any) -> PluginSource:
    name, version = (entry.dist.name, entry.dist.version) if entry.dist else ("?", "")
    return PluginSource(entry.name, name, version, (), entry.load)


def _command(source: PluginSource, taken: dict[str, PluginSource]) -> Command | None:
    """Load one command; what cannot be used is listed with the reason, and refused when it is called."""
    if source.plugin in taken:
        other = taken[source.plugin]
        taken[source.plugin] = source
        raise PluginError(
            f"{source.distribution} and {other.distribution} both bring the command {source.plugin!r}",
            expected="one of them",
            who="plugins",
            fix=f"ALCHEMI_BLOCK_PLUGINS={other.distribution}, or uninstall one",
        )
    taken[source.plugin] = source
    try:
        command = source.load()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a plugin does, the others are not touched
        return _refused(source, f"{type(error).__name__}: {error}")
    return command if isinstance(command, Command) else _refused(source, f"it is {command!r}, not a Command")


def _refused(source: PluginSource, reason: str) -> Command:
    label = f"{source.distribution} {source.version}"
    configure = partial(_keep, label=label, reason=reason)
    return Command(source.plugin, f"does not load: {reason}", reason, configure, NOWHERE)


def _keep(parser: argparse.ArgumentParser, label: str, reason: str) -> None:
    parser.add_argument("rest", nargs="*")
    parser.set_defaults(refused=(label, reason))


def refuse(arguments: argparse.Namespace) -> int:
    """Say why a command cannot be used."""
    label, reason = arguments.refused
    raise PluginError(f"the command does not load: {reason}", who=label, fix="install what is missing")
