"""A plugin under check: its offers, its metadata, and what its hooks do in a process of their own."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import attrs
import importlib_metadata

from alchemi_core.distributions import CORE, GROUP
from alchemi_core.testing.failures import failure
from alchemi_core.testing.fresh_python import run_module

if TYPE_CHECKING:
    from alchemi_core.offers import Offer
    from alchemi_core.plugin_records import PluginRecord
    from alchemi_core.registry import Registry


@attrs.frozen
class HookFindings:
    """What the hooks of a plugin do when they are called twice in a fresh interpreter.

    Parameters
    ----------
    imported : tuple of str
        Packages that come in with them, beside the standard library, the core's and the plugin's own.
    changed : tuple of str
        What of the process is not as it was.
    unlike : tuple of str
        Hooks whose second answer is not the first.
    printed : str
        What was printed.
    broken : mapping of str to str
        Targets that do not load or are not what they should be, each with what is wrong.
    """

    imported: tuple[str, ...]
    changed: tuple[str, ...]
    unlike: tuple[str, ...]
    printed: str
    broken: dict[str, str]


@attrs.frozen(eq=False)
class PluginSpecimen:
    """A plugin under check.

    Parameters
    ----------
    record : PluginRecord
        What it offers.
    registry : Registry
        What all others offer.
    """

    record: PluginRecord
    registry: Registry

    @property
    def is_core(self) -> bool:
        """Whether it is the core itself, which is not made for a version of itself."""
        return self.record.distribution == CORE

    @property
    def is_installed(self) -> bool:
        """Whether there is a distribution, with metadata that say something."""
        try:
            importlib_metadata.distribution(self.record.distribution)
        except importlib_metadata.PackageNotFoundError:
            return False
        return True

    @property
    def metadata(self) -> importlib_metadata.PackageMetadata:
        """Metadata of its distribution."""
        return importlib_metadata.metadata(self.record.distribution)

    @property
    def module(self) -> str:
        """The module that holds its hooks."""
        if self.is_core:
            return "alchemi_core.builtins"
        entries = importlib_metadata.distribution(self.record.distribution).entry_points.select(group=GROUP)
        return next(str(entry.value) for entry in entries if entry.name == self.record.name)

    @property
    def offers(self) -> tuple[Offer, ...]:
        """What it offers."""
        return self.record.offers

    @cached_property
    def findings(self) -> HookFindings:
        """What its hooks and targets do in a process of their own."""
        with TemporaryDirectory() as name:
            folder = Path(name)
            targets = {offer.target: offer.kind for offer in self.offers}
            (folder / "job.json").write_text(json.dumps({"module": self.module, "targets": targets}), encoding="utf-8")
            run = run_module("alchemi_core.testing.hooks_abroad", str(folder), folder=folder)
            result = folder / "found.json"
            if not result.is_file():
                text = "\n".join(run.stderr.splitlines()[-5:]) or f"exit status {run.returncode}"
                raise failure(f"{self.record.label}, in a process of its own", text, expected="hooks that answer")
            found = json.loads(result.read_text(encoding="utf-8"))
        lists = {name: tuple(found[name]) for name in ("imported", "changed", "unlike")}
        return HookFindings(**lists, printed=found["printed"], broken=found["broken"])
