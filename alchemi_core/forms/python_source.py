"""Recipes as Python source."""

from __future__ import annotations

from keyword import iskeyword
from math import isfinite
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import torch

from alchemi_core.errors import SerializationError
from alchemi_core.forms.weight_text import weight_text
from alchemi_core.serialization.region_entries import read_region
from alchemi_core.serialization.weight_entries import read_step_weight
from alchemi_core.weights import Weight

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from alchemi_core.forms.recipes import MadeModel, Recipe
    from alchemi_core.serialization.named_strategies import Named

_INDENT = "    "


def python_text(recipe: Recipe) -> str:
    """Return source whose ``pipe`` is the pipeline.

    Raises
    ------
    SerializationError
        If an option has no literal.
    """
    models = [f"model_{number} = {_model(model)}" for number, model in enumerate(recipe.models)]
    body = "\n".join([*models, f"pipe = {_pipeline(recipe.topology, 0)}"])
    names = [name for name in _NAMES if f"{name}(" in body]
    first = ["import torch", ""] if "torch." in body else []
    imports = ["from alchemi_core import (", *(f"{_INDENT}{name}," for name in names), ")"]
    return "\n".join([*first, *imports, "", body, ""])


_NAMES = (
    "Committee",
    "Coupling",
    "PipelineGroup",
    "PipelineModelWrapper",
    "PipelineStep",
    "Region",
    "create_derivative",
    "create_model",
)


def _model(model: MadeModel) -> str:
    return _call("create_model", model.offer, model.options)


def _call(function: str, name: str, options: Mapping[str, Any]) -> str:
    if all(key.isidentifier() and not iskeyword(key) for key in options):
        given = [f"{key}={literal(value)}" for key, value in options.items()]
    else:
        given = [f"**{literal(dict(options))}"]
    return f"{function}({', '.join([repr(name), *given])})"


def _pipeline(topology: Mapping[str, Any], depth: int) -> str:
    pad, inner = _INDENT * depth, _INDENT * (depth + 1)
    groups = "".join(f"{inner}{_INDENT}{_group(group, depth + 2)},\n" for group in topology["groups"])
    chosen = {name: value for name, value in topology["settings"].items() if value is not None}
    settings = "".join(f"{inner}{name}={literal(value)},\n" for name, value in chosen.items())
    return f"PipelineModelWrapper(\n{inner}groups=[\n{groups}{inner}],\n{settings}{pad})"


def _group(group: Mapping[str, Any], depth: int) -> str:
    pad, inner = _INDENT * depth, _INDENT * (depth + 1)
    steps = "".join(f"{inner}{_INDENT}{_step(step, depth + 2)},\n" for step in group["steps"])
    autograd = f"{inner}use_autograd=True,\n" if group["use_autograd"] else ""
    strategy = f"{inner}derivative_fn={_strategy(group['derivative'])},\n" if group["derivative"] else ""
    members = f"{inner}committee={_committee(group['committee'])},\n" if group["committee"] else ""
    return f"PipelineGroup(\n{inner}steps=[\n{steps}{inner}],\n{autograd}{strategy}{members}{pad})"


def _committee(committee: Mapping[str, float]) -> str:
    chosen = {name: value for name, value in committee.items() if value != 1.0}
    return f"Committee({', '.join(f'{name}={literal(value)}' for name, value in chosen.items())})"


def _strategy(named: Named) -> str:
    return repr(named.name) if named.options is None else _call("create_derivative", named.name, named.options)


def _step(step: dict[str, Any], depth: int) -> str:
    model = f"model_{step['model']}" if "model" in step else _pipeline(step["pipeline"], depth)
    options = {
        "wire": literal(step["wire"]) if step["wire"] else "",
        "weight": "" if step["weight"] == 1.0 else _weight(read_step_weight(step)),
        "detach": "True" if step["detach"] else "",
        "atoms": _region(step),
    }
    given = [f"{name}={text}" for name, text in options.items() if text]
    return f"PipelineStep({', '.join([model, *given])})" if given else model


def _region(step: dict[str, Any]) -> str:
    region = read_region(step)
    if region is None:
        return ""
    given = [literal(region.atoms), *(f"{name}={literal(value)}" for name, value in region.options.items())]
    return f"Region({', '.join(given)})" if region.options else given[0]


def _weight(weight: float | Weight) -> str:
    if isinstance(weight, Weight):
        return weight_text(weight, lambda name: f"Coupling({name!r})")
    return repr(weight)


def literal(value: Any) -> str:
    """Return source for a value.

    Raises
    ------
    SerializationError
        If there is none.
    """
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(key)}: {literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return f"[{_several(value)}]"
    if isinstance(value, tuple):
        return f"({_several(value)}{',' if len(value) == 1 else ''})"
    if isinstance(value, set | frozenset):
        return f"{type(value).__name__}([{_several(sorted(value, key=repr))}])"
    return _plain(value)


def _several(values: Iterable[Any]) -> str:
    return ", ".join(map(literal, values))


def _plain(value: Any) -> str:
    if value is None or isinstance(value, str | bool):
        return repr(value)
    if isinstance(value, torch.dtype):
        return str(value)
    if isinstance(value, Integral):
        return repr(int(value))
    if isinstance(value, Real):
        number = float(value)  # those of numpy spell themselves otherwise
        return repr(number) if isfinite(number) else f"float({str(number)!r})"
    raise SerializationError(
        f"an option is {value!r:.80}, of type {type(value).__name__}",
        expected="a value with a literal",
        who="Python source",
        fix="pipe.save('name.alchemi') keeps it, or says why not",
    )
