"""Whether a model is still what its plugin makes: the same modules, with the same settings, none of them overridden."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import torch

from alchemi_core.serialization.contract_text import describe_config, differences

if TYPE_CHECKING:
    from alchemi_core.models import BaseModelMixin

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_SETTINGS = (float, bool, str)
"""Attributes that are compared; whole numbers may count calls."""

_OWN = frozenset({"training", "model_config", "origin"})
"""Attributes that a file says on its own."""


def difference(model: BaseModelMixin, made: BaseModelMixin) -> str:
    """Return how a model differs from one made anew, its tensors aside; empty where it does not.

    Parameters
    ----------
    model : BaseModelMixin
        As the user has it.
    made : BaseModelMixin
        As its plugin makes it.
    """
    own, other = _parts(model), _parts(made)
    for name in dict.fromkeys([*own, *other]):
        where = f"module {name!r}" if name else "the model"
        if name not in own or name not in other:
            return f"{where} was {'taken away' if name in other else 'added'}"
        if found := _unlike(own[name], other[name]):
            return f"{where} {found}"
    was, now = describe_config(made.model_config), describe_config(model.model_config)
    unlike = differences(was, now, before="as it was made")
    return f"its model_config was changed by hand: {'; '.join(unlike)}" if unlike else ""


def _parts(model: BaseModelMixin) -> dict[str, Any]:
    """Return modules by name, without those that others keep to themselves: code that they generate is one of many."""
    modules = model.named_modules() if isinstance(model, torch.nn.Module) else [("", model)]
    return {name: one for name, one in modules if not name.startswith("_") and "._" not in name}


def _unlike(one: Any, other: Any) -> str:
    if _kind(one) != _kind(other):
        return f"is {_kind(one)}, and is made as {_kind(other)}"
    if isinstance(one, torch.nn.Module):
        if any(len(getattr(one, hooks)) != len(getattr(other, hooks)) for hooks in _HOOKS):
            return "has other hooks"
        if _said(one) != _said(other):
            return f"has other settings: {_said(one):.100}, and is made with {_said(other):.100}"
    return _attributes(getattr(one, "__dict__", {}), getattr(other, "__dict__", {}), type(one))


def _kind(thing: Any) -> str:
    """Return the name of a class: modules of generated code have a class each."""
    return f"{type(thing).__module__}.{type(thing).__qualname__}"


def _said(module: torch.nn.Module) -> str:
    return _ADDRESS.sub("", module.extra_repr())


def _attributes(one: dict[str, Any], other: dict[str, Any], kind: type) -> str:
    """Compare plain settings, and find methods of the class that the instance has its own of."""
    for name in dict.fromkeys([*one, *other]):
        if name in _OWN or name.startswith("_"):
            continue
        mine, theirs = one.get(name), other.get(name)
        if callable(getattr(kind, name, None)) and (name in one) != (name in other):
            return f"has a {name} of its own"
        if isinstance(mine, _SETTINGS) and isinstance(theirs, _SETTINGS) and mine != theirs and mine == mine:
            return f"has {name}={mine!r:.60}, and is made with {theirs!r:.60}"
    return ""
