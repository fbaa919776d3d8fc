"""Checks of values from a pipeline file: each gives the value back, or one error that names its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from alchemi_aimnet2.checkpoints import WHO
from alchemi_core.errors import SerializationError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

Check: TypeAlias = Callable[[Any, str], Any]
"""Takes a value and the name of its place."""

LARGEST = 1e6
"""No number of a description comes near it."""

LONGEST = 200
"""Characters of a text, and entries of a list or mapping."""


def wrong(value: object, name: str, expected: str) -> SerializationError:
    """Return the error for a value that is not what was expected; long or nested values are told by their type."""
    short = value is None or isinstance(value, str | bool | float)
    shown = f"{value!r:.60}" if short else f"of type {type(value).__name__}"
    return SerializationError(
        f"{name} is {shown}",
        expected=expected,
        who=WHO,
        fix="load_pipeline(path, models=[...]) with a model that you make yourself",
    )


def flag(value: Any, name: str) -> bool:
    """Accept true and false."""
    if not isinstance(value, bool):
        raise wrong(value, name, "true or false")
    return value


def text(value: Any, name: str) -> str:
    """Accept short texts."""
    if not isinstance(value, str) or len(value) > LONGEST:
        raise wrong(value, name, f"a text of at most {LONGEST} characters")
    return value


def number(value: Any, name: str) -> float:
    """Accept finite numbers, whole or not."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -LARGEST <= value <= LARGEST:
        raise wrong(value, name, f"a number within {LARGEST:g}")
    return value


def not_negative(value: Any, name: str) -> float:
    """Accept finite numbers from 0 on."""
    if (given := number(value, name)) < 0:
        raise wrong(value, name, "no negative number")
    return given


def positive(value: Any, name: str) -> float:
    """Accept finite numbers above 0."""
    if (given := number(value, name)) <= 0:
        raise wrong(value, name, "a positive number")
    return given


def whole(least: int, most: int) -> Check:
    """Accept whole numbers of a range."""

    def check(value: Any, name: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise wrong(value, name, f"a whole number from {least} to {most}")
        return value

    return check


def one_of(*known: object) -> Check:
    """Accept some values only, each with its type."""

    def check(value: Any, name: str) -> Any:
        if not any(type(value) is type(one) and value == one for one in known):
            raise wrong(value, name, f"one of {', '.join(map(repr, known))}")
        return value

    return check


def optional(inner: Check) -> Check:
    """Accept None as well."""
    return lambda value, name: None if value is None else inner(value, name)


def listed(inner: Check) -> Check:
    """Accept lists whose entries pass a check."""

    def check(value: Any, name: str) -> list[Any]:
        if not isinstance(value, list | tuple) or len(value) > LONGEST:
            raise wrong(value, name, f"a list of at most {LONGEST} entries")
        return [inner(one, f"{name}[{place}]") for place, one in enumerate(value)]

    return check


def mapped(key: Check, inner: Check) -> Check:
    """Accept mappings whose keys and values pass a check each, in their order."""

    def check(value: Any, name: str) -> dict[Any, Any]:
        if not isinstance(value, dict) or len(value) > LONGEST:
            raise wrong(value, name, f"a mapping of at most {LONGEST} entries")
        return {key(one, f"a key of {name}"): inner(value[one], f"{name}[{one!r:.40}]") for one in value}

    return check


def entries(table: Mapping[str, Check], *, may_lack: Collection[str] = ()) -> Check:
    """Accept mappings with the keys of a table, whose values pass the check there."""

    def check(value: Any, name: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise wrong(value, name, f"a mapping with {', '.join(table)}")
        for key in value:
            if key not in table:
                raise wrong(key, f"a key of {name}", f"one of {', '.join(table)}")
        for key in table.keys() - value.keys() - set(may_lack):
            raise wrong(None, f"{name}.{key}", "a value")
        return {key: table[key](one, f"{name}.{key}") for key, one in value.items()}

    return check
