"""Options that mean something on one machine only, or that no file may ask for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from alchemi_core.errors import SerializationError

if TYPE_CHECKING:
    from collections.abc import Iterator

TRUST = "trusted"
"""The option by which users vouch for a file. It is never written, and never taken from a file."""

_ELSEWHERE = re.compile(r"[/\\~]|[A-Za-z][A-Za-z0-9+.-]*:[/\\]")
_UPWARDS = re.compile(r"(^|[/\\])\.\.([/\\]|$)")


def texts_in(value: Any) -> Iterator[str | PurePath]:
    """Yield every text and path inside a value."""
    if isinstance(value, str | PurePath):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from texts_in(key)
            yield from texts_in(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from texts_in(item)


def leads_elsewhere(text: str) -> bool:
    """Tell whether a text is an absolute path, one that leaves its folder, or an address.

    >>> [leads_elsewhere(text) for text in ("/etc/passwd", "a/../../b", "C:/x", "~/x", "http://x", "PBE / PBE+U")]
    [True, True, True, True, True, False]
    """
    return bool(_ELSEWHERE.match(text) or _UPWARDS.search(text) or "\0" in text)


def place_named(options: Mapping[str, Any]) -> str:
    """Return a text among options that names a place on this machine, empty where none does."""
    for name, value in options.items():
        for text in texts_in(value):
            if isinstance(text, PurePath) or leads_elsewhere(text) or _is_file(text):
                return f"option {name!r} is {str(text)!r:.200}"
    return ""


def portable(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as they may be read anywhere: without trust, and of a place no more than the name of the file."""
    named = {name: _named(value) if place_named({name: value}) else value for name, value in options.items()}
    away = {name for name, value in named.items() if any(leads_elsewhere(str(text)) for text in texts_in(value))}
    return {name: value for name, value in named.items() if name not in away | {TRUST}}


def _named(value: Any) -> Any:
    return re.split(r"[/\\]", str(value))[-1] if isinstance(value, str | PurePath) else value


def _is_file(text: str) -> bool:
    """Tell whether a text looks like the name of a file and there is one; ``pbe`` is none, whatever lies around."""
    try:
        return bool(PurePath(text).suffix or len(PurePath(text).parts) > 1) and Path(text).is_file()
    except OSError:
        return False


def refuse_places(options: Mapping[str, Any], who: str) -> None:
    """Refuse options from a file that name places, or ask for trust.

    Raises
    ------
    SerializationError
        If they do.
    """
    for text in texts_in(options):
        if leads_elsewhere(str(text)):
            raise SerializationError(
                f"an option is {text!r:.200}, a place outside of the file",
                expected="options that mean the same everywhere",
                who=who,
                fix="load_pipeline(path, models=[...]) with models that you make yourself",
            )
    if options.get(TRUST):
        raise SerializationError(
            "asks to be trusted", expected="your own word for a file", who=who, fix="tell its author: remove 'trusted'"
        )
