"""Versions of what is installed, for records of how a result or a file came to be."""

from __future__ import annotations

import importlib_metadata
from packaging.requirements import Requirement

from alchemi_core.distributions import CORE


def installed(name: str) -> str | None:
    """Return the version of a distribution, or None where it is not installed."""
    try:
        return importlib_metadata.version(name)
    except importlib_metadata.PackageNotFoundError:
        return None


def builds_on(distribution: str) -> dict[str, str]:
    """Return the installed versions of what a distribution requires, the core aside; none of one without metadata."""
    if installed(distribution) is None:
        return {}
    named = [Requirement(text) for text in importlib_metadata.requires(distribution) or ()]
    wanted = [one.name for one in named if one.marker is None or one.marker.evaluate()]
    return {name: found for name in wanted if name != CORE and (found := installed(name))}
