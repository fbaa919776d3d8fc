"""Regions as they stand in documents: plain values, as JSON and TOML have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alchemi_core.errors import AlchemiError, SerializationError
from alchemi_core.regions.region import Region

if TYPE_CHECKING:
    from collections.abc import Mapping


def region_entry(region: Region | None) -> dict[str, Any]:
    """Return what a step has in a document because of its region: nothing, where it has none."""
    if region is None:
        return {}
    atoms = region.atoms if isinstance(region.atoms, str) else list(region.atoms)
    return {"atoms": {"atoms": atoms, **region.options}}


def read_region(step: Mapping[str, Any], who: str = "pipeline file") -> Region | None:
    """Return the region of a described step, None where it has none.

    Raises
    ------
    SerializationError
        If it is none.
    """
    if "atoms" not in step:
        return None
    entry, who = step["atoms"], f"{who}, atoms"
    if not isinstance(entry, dict) or "atoms" not in entry:
        raise SerializationError(f"is {entry!r:.80}", expected="atoms of a region", who=who)
    try:
        return Region.made(entry["atoms"], {name: value for name, value in entry.items() if name != "atoms"})
    except AlchemiError as error:
        raise SerializationError(error.found, expected=error.expected, who=who, fix=error.fix) from error
