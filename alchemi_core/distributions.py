"""Installed distributions that bring plugins, read from their metadata alone: nothing of theirs is imported here."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import importlib_metadata

from alchemi_core.errors import PluginError
from alchemi_core.plugin_records import PluginFailure, attempt

if TYPE_CHECKING:
    from collections.abc import Callable

GROUP = "alchemi"
CORE = "alchemi-core"


@attrs.frozen
class PluginSource:
    """One entry point of the group ``alchemi``, and who brings it.

    Parameters
    ----------
    plugin : str
        Name of the entry point.
    distribution, version : str
        Who brings it.
    requires : tuple of str
        The distribution's requirements, as in its metadata.
    load : callable
        Imports what the entry point names.
    """

    plugin: str
    distribution: str
    version: str
    requires: tuple[str, ...]
    load: Callable[[], Any] = attrs.field(eq=False)

    @property
    def names(self) -> frozenset[str]:
        """What users may call it, normalized: by plugin or by distribution."""
        return frozenset({normalized(self.plugin), normalized(self.distribution)})

    def failure(self, reason: str = "") -> PluginFailure:
        """Make a failure of this plugin."""
        return PluginFailure(self.plugin, self.distribution, self.version, reason)


def normalized(name: str) -> str:
    """Normalize a name as package indexes do (https://peps.python.org/pep-0503/#normalized-names).

    >>> normalized("Alchemi_MACE")
    'alchemi-mace'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def core_version() -> str:
    """Version of the core that is installed.

    Raises
    ------
    PluginError
        If the core runs without being installed: plugins could not say whether they fit it.
    """
    try:
        return importlib_metadata.version(CORE)
    except importlib_metadata.PackageNotFoundError as error:
        raise PluginError(
            "not installed: its metadata is missing",
            expected="an installed distribution",
            who=CORE,
            fix=f"pip install {CORE}",
        ) from error


def plugin_sources() -> tuple[tuple[PluginSource, ...], tuple[PluginFailure, ...]]:
    """Find every plugin on the import path, in the order of their distributions' names.

    Returns
    -------
    sources, failures
        A distribution whose metadata cannot be read is a failure and leaves the others alone.
    """
    names = [attempt(partial(_name, dist), _nameless(dist)) for dist in importlib_metadata.distributions()]
    known = sorted({name for name in names if isinstance(name, str) and name})
    read = [attempt(partial(_sources, name), PluginFailure(name, name, "of unknown version")) for name in known]
    sources = [source for found in read if not isinstance(found, PluginFailure) for source in found]
    return tuple(sources), tuple(found for found in [*names, *read] if isinstance(found, PluginFailure))


def _name(dist: importlib_metadata.IDistribution) -> str:
    """Name of a distribution that brings plugins, else nothing. Text is searched since parsing all metadata is slow."""
    return dist.metadata["Name"] if f"[{GROUP}]" in (dist.read_text("entry_points.txt") or "") else ""


def _nameless(dist: importlib_metadata.IDistribution) -> PluginFailure:
    return PluginFailure("?", f"a distribution in {dist.locate_file('')}", "of unknown version")


def _sources(name: str) -> list[PluginSource]:
    """Entry points of the distribution of that name which comes first on the path, as an import would."""
    dist = importlib_metadata.distribution(name)
    metadata = dist.metadata  # parsed at each access
    requires = tuple(metadata.get_all("Requires-Dist") or ())
    return [
        PluginSource(entry.name, metadata["Name"], metadata["Version"], requires, entry.load)
        for entry in dist.entry_points.select(group=GROUP)
    ]
