"""Entries of models as they stand in a document: checked before anything is made of them. No torch here."""

from __future__ import annotations

from typing import Any

from alchemi_core.errors import SerializationError

Entry = dict[str, Any]

LARGEST = 1e300
"""Larger whole numbers are no floats."""


def check_entry(entry: Any) -> Entry:
    """Return an entry of a file whose parts have the types that are read.

    Raises
    ------
    SerializationError
        If they have not.
    """
    if isinstance(entry, dict) and all(_fits(entry.get(name), kind) for name, kind in _ALWAYS.items()):
        offered = entry.get("offer") is not None
        shown = all(_fits(entry.get(name, ""), str) for name in ("why", "licence"))
        if (
            shown
            and _fits(entry.get("reference", {}), dict)
            and (not offered or all(_fits(entry.get(name), kind) for name, kind in _OFFERED.items()))
        ):
            return entry
    raise SerializationError(
        f"holds an entry of a model that is not understood: {entry!r:.80}",
        expected="offer, options, plugin, version, name and tensors",
        who="pipeline file",
    )


_ALWAYS: dict[str, type | None] = {"name": str, "weights": dict, "buffers": dict, "frozen": None, "training": None}
_OFFERED: dict[str, type | None] = {"offer": str, "options": dict, "plugin": str, "version": str}
LONGEST = 1000
"""Characters of a name, or of another text that is shown to people."""


def _fits(value: Any, kind: type | None) -> bool:
    """Tell whether a part has its type; of lists, that they hold texts. None: a list, or nothing."""
    if kind is None:
        return value is None or (isinstance(value, list) and all(isinstance(one, str) for one in value))
    return isinstance(value, kind) and (not isinstance(value, str) or is_plain(value))


def is_plain(text: str) -> bool:
    """Tell whether a text may be shown to people as it is: of bearable length, without signs that steer terminals."""
    return len(text) <= LONGEST and text.isprintable()


def field(document: Any, name: str, kind: type) -> Any:
    """Return an entry of a document, refusing one of another type."""
    value = document.get(name) if isinstance(document, dict) else None
    accepted = (int, float) if kind is float else kind
    too_large = kind is float and isinstance(value, int) and abs(value) > LARGEST
    if too_large or not isinstance(value, accepted) or (kind is not bool and isinstance(value, bool)):
        raise SerializationError(
            f"entry {name!r} is {value!r:.80}", expected=f"a value of type {kind.__name__}", who="pipeline file"
        )
    return value
