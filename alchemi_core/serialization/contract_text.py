"""What a model declares, as JSON values: for people who look into a file, and to notice when it is not the same."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.frozenmap import FrozenMap

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alchemi_core.models import ModelConfig

_APART = frozenset({"name", "citations", "stackable"})
"""What stands elsewhere in a file, or says how members of a committee run and not what they give."""


def describe_config(config: ModelConfig) -> dict[str, Any]:
    """Return all that planning reads of a config."""
    fields = [field for field in attrs.fields(type(config)) if field.name not in _APART]
    return {field.alias or field.name: _plain(getattr(config, field.name)) for field in fields}


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, FrozenMap):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    if attrs.has(type(value)):
        fields = attrs.fields(type(value))
        return {"kind": type(value).__name__, **{field.name: _plain(getattr(value, field.name)) for field in fields}}
    return list(value) if isinstance(value, tuple) else value


def differences(written: Mapping[str, Any], found: Mapping[str, Any], *, before: str = "in the file") -> list[str]:
    """Return where two descriptions differ, one text each: ``neighbor_config.cutoff 6.0 in the file, 5.0 now``."""
    texts = []
    for name in dict.fromkeys([*written, *found]):
        one, other = written.get(name), found.get(name)
        if isinstance(one, dict) and isinstance(other, dict):
            texts += [f"{name}.{text}" for text in differences(one, other, before=before)]
        elif one != other:
            shown = name if name.isprintable() else repr(name)  # it may be anybody's
            texts.append(f"{shown} {one!r} {before}, {other!r} now")
    return texts
