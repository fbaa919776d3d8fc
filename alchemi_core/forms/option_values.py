"""Options in TOML: what TOML has no form for is tagged as in pipeline files; arrays are tuples, as in expressions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alchemi_core.errors import SerializationError
from alchemi_core.serialization.portability import TRUST
from alchemi_core.serialization.values import decode, encode

_NONE = "$none"


def as_options(table: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return options as a model takes them.

    Raises
    ------
    SerializationError
        If one is a date, or asks for trust.
    """
    if table.get(TRUST):
        raise SerializationError(
            f"has {TRUST} = {table[TRUST]!r}",
            expected="your word for a file where you run it, not in a text that may be passed on",
            who=where,
            fix=f'create_model(..., {TRUST}=True), or --model "name(..., {TRUST}=True)"',
        )
    return {name: _read(value, f"{where}, {name}") for name, value in table.items()}


def _read(value: Any, where: str) -> Any:
    if isinstance(value, list | tuple):
        return tuple(_read(item, where) for item in value)
    if isinstance(value, dict):
        if set(value) == {_NONE}:
            return None
        if any(name.startswith("$") for name in value):
            return _settled(decode(value, {}))
        return {name: _read(item, where) for name, item in value.items()}
    if value is not None and not isinstance(value, str | bool | int | float):
        raise SerializationError(
            f"is a {type(value).__name__}", expected="a text, number, array or table", who=where, fix="put it in quotes"
        )
    return value


def _settled(value: Any) -> Any:
    return tuple(_settled(item) for item in value) if isinstance(value, list) else value


def as_toml(value: Any, who: str) -> Any:
    """Return an option as TOML holds it.

    Raises
    ------
    SerializationError
        If it holds tensors or objects.
    """
    if value is None:
        return {_NONE: True}
    if isinstance(value, list | tuple):
        return [as_toml(item, who) for item in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) and not key.startswith("$") for key in value):
        return {key: as_toml(item, who) for key, item in value.items()}
    return value if isinstance(value, str | bool | int | float) else encode(value, _no_tensor, who)


def _no_tensor(_tensor: Any) -> str:
    raise SerializationError("holds a tensor", expected="options that TOML can hold", who="TOML")
