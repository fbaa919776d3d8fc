"""What the core and the plugins of this repository offer, read from their hooks without installing any of them."""

from __future__ import annotations

import importlib
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from alchemi_core import builtins
from alchemi_core.hookspecs import HOOKS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from alchemi_core.cli.commands import Command
    from alchemi_core.offers import Offer

PLUGINS = Path(__file__).parents[2] / "plugins"


def offered(hook: str) -> Iterator[tuple[str, Offer]]:
    """Yield each offer that a hook gives, with the distribution it is from; the core's own come first."""
    for distribution, module in hook_modules():
        if hasattr(module, hook):
            yield from ((distribution, offer) for offer in getattr(module, hook)())


def all_offered() -> Iterator[tuple[str, Offer]]:
    """Yield every offer of every hook."""
    for hook in HOOKS:
        yield from offered(hook)


def hook_modules() -> Iterator[tuple[str, ModuleType]]:
    """Yield the modules of hooks: that of the core, then those of ``plugins/`` by name."""
    yield "alchemi-core", builtins
    for file in sorted(PLUGINS.glob("*/pyproject.toml")):
        project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
        for path in project["entry-points"].get("alchemi", {}).values():
            yield project["name"], imported_from(file.parent / "src", path)


def imported_from(folder: Path, module: str) -> ModuleType:
    """Import a module from a folder."""
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module(module)
    finally:
        sys.path.remove(str(folder))


def plugin_commands() -> Iterator[tuple[str, Command]]:
    """Yield each command that a plugin brings, with its distribution."""
    for file in sorted(PLUGINS.glob("*/pyproject.toml")):
        project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
        for target in project["entry-points"].get("alchemi.commands", {}).values():
            module, _, name = target.partition(":")
            yield (
                project["name"],
                getattr(imported_from(file.parent / "src", module), name),
            )
