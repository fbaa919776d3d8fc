"""Likeness: whether two models are the same in everything but the values of their parameters and buffers.

Stacked members run through the code of one of them, so whatever differs outside of tensors would be lost without a
word. What cannot be compared therefore counts as different.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.fx import Graph, GraphModule

from alchemi_core.models import BaseModelMixin
from alchemi_core.stacking.plain_values import is_plain, same_plain, state_of

_HELD = (Tensor, torch.nn.Parameter)
_SEQUENCES: tuple[Any, ...] = (tuple, list, deque)
_BY_IDENTITY = (type, BuiltinFunctionType, ModuleType)
Difference: TypeAlias = str
"""Where two things differ, as text; empty where they do not."""


def difference(one: object, other: object, *, path: str = "") -> Difference:
    """Return where two models, or parts of such, differ beside the values of parameters and buffers.

    Parameters
    ----------
    one, other : object
        Modules, or anything that may be an attribute of one.
    path : str
        Where they are, for the answer.

    Returns
    -------
    str
        The first difference, such as ``"cutoff: 5.0 and 6.0"``; empty where there is none.
    """
    return _Comparison().of(one, other, path)


class _Comparison:
    """One comparison; objects met before are not looked at again, so that cycles come to an end."""

    def __init__(self) -> None:
        self._met: dict[tuple[int, int], tuple[object, object]] = {}

    def of(self, one: Any, other: Any, path: str) -> Difference:
        if one is other or (id(one), id(other)) in self._met:
            return ""
        self._met[id(one), id(other)] = (one, other)
        if isinstance(one, GraphModule) and isinstance(other, GraphModule):  # each has a class of its own
            return self._module(one, other, path)
        if type(one) is not type(other):
            return f"{path}: {type(one).__name__} and {type(other).__name__}"
        return self._same_type(one, other, path)

    def _same_type(self, one: Any, other: Any, path: str) -> Difference:
        if is_plain(one):
            return "" if same_plain(one, other) else f"{path}: {one!r:.60} and {other!r:.60}"
        for kind, compare in self._kinds.items():
            if isinstance(one, kind):
                return compare(self, one, other, path)
        return self._object(one, other, path)

    def _tensor(self, one: Tensor, other: Tensor, path: str) -> Difference:
        return _unlike_room(one, other, path) or ("" if torch.equal(one, other) else f"{path}: other numbers")

    def _identical(self, one: Any, other: Any, path: str) -> Difference:
        return f"{path}: {one!r:.60} and {other!r:.60}"

    def _module(self, one: torch.nn.Module, other: torch.nn.Module, path: str) -> Difference:
        if isinstance(one, torch.jit.ScriptModule | torch.jit.ScriptFunction):
            return f"{path}: TorchScript, which cannot be compared"
        mine, theirs = dict(vars(one)), dict(vars(other))
        if hooked := [name for name in mine if name.endswith("_hooks") and (mine[name] or theirs.get(name))]:
            return f"{path}: has {hooked[0].strip('_').replace('_', ' ')}"
        if isinstance(one, BaseModelMixin):  # where it was loaded from does not enter any result
            mine, theirs = ({**found, "origin": None} for found in (mine, theirs))
        held = self._held(mine.pop("_parameters"), theirs.pop("_parameters"), path)
        held = held or self._held(mine.pop("_buffers"), theirs.pop("_buffers"), path)
        children = held or self._mapping(mine.pop("_modules"), theirs.pop("_modules"), path)
        return children or self._mapping(mine, theirs, path)

    def _held(self, mine: Mapping[str, Any], theirs: Mapping[str, Any], path: str) -> Difference:
        """Compare the room for tensors of a module, whose values may differ."""
        if list(mine) != list(theirs):
            return f"{path}: tensors {', '.join(mine)} and {', '.join(theirs)}"
        for name, one in mine.items():
            if (one is None) is not (theirs[name] is None):
                return f"{path}.{name}: is None in one"
            if one is not None and (found := _unlike_room(one, theirs[name], f"{path}.{name}")):
                return found
        return ""

    def _graph(self, one: Graph, other: Graph, path: str) -> Difference:
        same = one.python_code("self").src == other.python_code("self").src
        targets = [[node.target for node in graph.nodes] for graph in (one, other)]
        return "" if same and targets[0] == targets[1] else f"{path}: other generated code"

    def _mapping(self, one: Mapping[Any, Any], other: Mapping[Any, Any], path: str) -> Difference:
        keys = list(one), list(other)
        if len(keys[0]) != len(keys[1]) or not all(map(same_plain, *keys)):
            apart = sorted(map(str, set(keys[0]) ^ set(keys[1]))) or ["the same in another order"]
            return f"{path}: {', '.join(apart)} in one"
        return self._first(one.items(), other.items(), path)

    def _sequence(self, one: Any, other: Any, path: str) -> Difference:
        kind = next(kind for kind in _SEQUENCES if isinstance(one, kind))
        mine, theirs = (list(kind.__iter__(each)) for each in (one, other))  # subclasses may iterate over other things
        if len(mine) != len(theirs):
            return f"{path}: {len(mine)} and {len(theirs)} entries"
        entries = self._first(enumerate(mine), enumerate(theirs), path)
        return entries or self._mapping(state_of(one) or {}, state_of(other) or {}, path)

    def _partial(self, one: partial[Any], other: partial[Any], path: str) -> Difference:
        return self._sequence((one.func, one.args, one.keywords), (other.func, other.args, other.keywords), path)

    def _method(self, one: MethodType, other: MethodType, path: str) -> Difference:
        return self._sequence((one.__func__, one.__self__), (other.__func__, other.__self__), path)

    def _function(self, one: FunctionType, other: FunctionType, path: str) -> Difference:
        if one.__code__ != other.__code__ or one.__globals__ is not other.__globals__:
            return f"{path}: {one.__qualname__} and {other.__qualname__}"
        parts = [
            (f.__defaults__, f.__kwdefaults__, tuple(cell.cell_contents for cell in f.__closure__ or ()))
            for f in (one, other)
        ]
        return self._sequence(parts[0], parts[1], path)

    def _object(self, one: Any, other: Any, path: str) -> Difference:
        mine, theirs = state_of(one), state_of(other)
        if mine is None or theirs is None:
            return f"{path}: {type(one).__name__}, which cannot be compared"
        return self._mapping(mine, theirs, path)

    def _first(self, one: Any, other: Any, path: str) -> Difference:
        for (key, mine), (_, theirs) in zip(one, other, strict=True):
            if found := self.of(mine, theirs, f"{path}.{key}" if path else str(key)):
                return found
        return ""

    _kinds: Mapping[Any, Callable[[Any, Any, Any, str], Difference]] = {
        Tensor: _tensor,
        torch.nn.Module: _module,
        Graph: _graph,
        _BY_IDENTITY: _identical,
        Mapping: _mapping,
        _SEQUENCES: _sequence,
        partial: _partial,
        MethodType: _method,
        FunctionType: _function,
    }


def _unlike_room(one: Tensor, other: Tensor, path: str) -> Difference:
    if type(one) not in _HELD or type(other) not in _HELD or one.layout is not torch.strided:
        return f"{path}: {type(one).__name__}, which cannot be stacked"
    rooms = [(str(t.layout), str(t.dtype), str(t.device), list(t.shape)) for t in (one, other)]
    return "" if rooms[0] == rooms[1] else f"{path}: {rooms[0][1:]} and {rooms[1][1:]}"
