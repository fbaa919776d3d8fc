"""``alchemi diff``: how two pipelines differ."""

from __future__ import annotations

import sys
from difflib import ndiff
from typing import TYPE_CHECKING, Any

import torch

from alchemi_core.cli.composing import compose, model_file
from alchemi_core.cli.file_view import shown
from alchemi_core.cli.topology_lines import lines_of, settings_line
from alchemi_core.registry import default_registry
from alchemi_core.serialization.description import Description
from alchemi_core.serialization.saving import END

if TYPE_CHECKING:
    import argparse

DIFFERENT = 1


def run(arguments: argparse.Namespace) -> int:
    """Print the differences; the exit code says whether there are any."""
    one, other = _described(arguments.one), _described(arguments.other)
    lines = [*_models(one, other), *_topology(one, other)]
    sys.stdout.write("\n".join(lines or ["the same"]) + "\n")
    return DIFFERENT if lines else 0


def _described(written: str) -> Description:
    path = model_file(written)
    if path is not None and path.suffix == END:
        return Description.of_file(path)
    return Description.of_pipeline(compose(written, torch.device("cpu")), default_registry())


def _models(one: Description, other: Description) -> list[str]:
    lines = []
    for number in range(max(len(one.models), len(other.models))):
        lines += _model(number, one.model(number), other.model(number))
    return lines


def _model(number: int, one: dict[str, Any] | None, other: dict[str, Any] | None) -> list[str]:
    if one is None or other is None:
        sign, there = ("-", one) if other is None else ("+", other)
        return [shown(f"{sign} model {number}  {there['name'] if there else ''}")]
    lines = [f"  {text}" for name in one if name != "tensors" for text in _changes(name, one[name], other[name])]
    lines += [f"  {text}" for text in _tensors(one["tensors"], other["tensors"])]
    return [shown(f"model {number}  {one['name']}"), *map(shown, lines)] if lines else []


def _changes(name: str, before: Any, after: Any) -> list[str]:
    """Return what changed, inside of mappings entry by entry."""
    if before == after:
        return []
    if isinstance(before, dict) and isinstance(after, dict):
        keys = dict.fromkeys([*before, *after])
        return [text for key in keys for text in _changes(f"{name}.{key}", before.get(key), after.get(key))]
    return [f"{name}: {_value(before)} → {_value(after)}"]


def _value(value: Any) -> str:
    return "nothing" if value is None else str(value)


def _tensors(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    names = list(dict.fromkeys([*one, *other]))
    changed = [name for name in names if one.get(name) != other.get(name)]
    if not changed:
        return []
    listed = ", ".join(changed[:3]) + (", …" if len(changed) > 3 else "")
    return [f"weights: {len(changed)} of {len(names)} tensors differ: {listed}"]


def _topology(one: Description, other: Description) -> list[str]:
    """Return the lines of both topologies in one, those of only one marked by a sign; none where they are the same."""
    before = [*lines_of(one.topology, one.names), *settings_line(one.topology)]
    after = [*lines_of(other.topology, other.names), *settings_line(other.topology)]
    if before == after or one.topology == other.topology:
        return []
    return [line for line in ndiff(before, after) if not line.startswith("?")]
