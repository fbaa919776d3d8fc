"""Whether two networks compute the same, layer by layer: of what they keep beside tensors and generated code."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from alchemi_mace.upstream import Contraction, CuEquivarianceConfig, OEQConfig, o3

_OF_EVERY_LAYER = frozenset(vars(torch.nn.Module()))
_HOOKS = tuple(sorted(name for name in _OF_EVERY_LAYER if name.endswith("_hooks")))
_UNREAD = frozenset({"_profiling_str", "_prof_str", "lammps_mliap", "num_basis", "__codegen__"})
"""For printing, or for other programs."""

_UNREAD_BY_CLASS = {"ChebychevBasis": frozenset({"r_max"})}

_UNLESS_SAID: dict[str, tuple[Any, ...]] = {
    "heads": (None, ("Default",)),
    "apply_cutoff": (True,),
    "num_heads": (1,),
    "use_agnostic_product": (False,),
}
"""What a layer does if it lacks an attribute that later versions of mace-torch gave it."""

_GENERATED = (torch.fx.GraphModule, torch.jit.ScriptModule)
_PLANS = frozenset({"graph_opt_main", "contractions_weighting", "contractions_features"})


def difference(original: torch.nn.Module, rebuilt: torch.nn.Module) -> str:
    """Return the first thing in which a network differs from one built anew, in words; empty if nothing does."""
    left, right = _layers(original, ""), _layers(rebuilt, "")
    for path in sorted(left.keys() ^ right.keys()):
        return f"layer {path!r} is {'beside' if path in left else 'missing from'} those of its class"
    for path, layer in left.items():
        found = _kinds(layer, right[path]) or _tensors(layer, right[path]) or _attributes(layer, right[path])
        if found:
            return f"{found} of layer {path or 'at the top'!r}"
    return ""


def _layers(layer: Any, path: str) -> dict[str, Any]:
    found = {path: layer}
    for name, child in layer.named_children():
        planned = isinstance(layer, Contraction) and name in _PLANS
        if not planned and not isinstance(child, _GENERATED):
            found |= _layers(child, f"{path}.{name}" if path else name)
    return found


def _kinds(layer: Any, other: Any) -> str:
    if type(layer) is not type(other):
        return f"class {type(layer).__qualname__}"
    return next((f"hooks ({name})" for name in _HOOKS if getattr(layer, name, None)), "")


def _tensors(layer: Any, other: Any) -> str:
    for kind in ("_parameters", "_buffers"):
        mine, theirs = ({name for name, one in getattr(one, kind).items() if one is not None} for one in (layer, other))
        for name in sorted(mine ^ theirs):
            return f"{'parameter' if kind == '_parameters' else 'buffer'} {name!r}"
    hidden = sorted(getattr(layer, "_non_persistent_buffers_set", ()))
    return f"buffer {hidden[0]!r}, which is not saved," if hidden else ""


def _attributes(layer: Any, other: Any) -> str:
    mine, theirs = _plain_attributes(layer), _plain_attributes(other)
    for name in sorted(mine.keys() | theirs.keys()):
        if name not in mine:
            differs = theirs[name] not in _UNLESS_SAID.get(name, (theirs[name],))
        elif name not in theirs:
            differs = not _is_plain(mine[name]) or name in ("conv_fusion", "pair_repulsion")
        else:
            differs = mine[name] != theirs[name]
        if differs:
            return f"{name}={mine.get(name)!r:.80}"
    return ""


class _Strange:
    """A value of a kind that no layer of mace-torch holds; equal to nothing."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __repr__(self) -> str:
        return repr(self._value)


def _plain_attributes(layer: Any) -> dict[str, Any]:
    skipped = _OF_EVERY_LAYER | _UNREAD | _UNREAD_BY_CLASS.get(type(layer).__name__, frozenset())
    return {name: _plain(value) for name, value in vars(layer).items() if name not in skipped}


def _plain(value: Any) -> Any:
    if isinstance(value, o3.Irreps | o3.Irrep):
        return str(value)
    if isinstance(value, CuEquivarianceConfig | OEQConfig):
        return None if _is_off(value) else _Strange(value)
    if isinstance(value, Mapping):
        return tuple(sorted((str(key), _plain(one)) for key, one in value.items()))
    if isinstance(value, list | tuple | set | frozenset):
        return tuple(_plain(one) for one in value)
    return _plain_leaf(value)


def _plain_leaf(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | slice):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real | np.floating):
        return float(value)
    return _Function(value) if callable(value) and not isinstance(value, torch.nn.Module) else _Strange(value)


class _Function:
    """A function, equal to itself and to others of its name in torch."""

    def __init__(self, value: Any) -> None:
        self._value = value
        self._key = value.__name__ if _of_torch(value) else id(value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Function) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return repr(self._value)


def _of_torch(value: Any) -> bool:
    name = getattr(value, "__name__", "")
    return any(getattr(module, name, None) is value for module in (torch, torch.nn.functional) if name)


def _is_off(config: Any) -> bool:
    """Tell whether layers do with this what they do without."""
    return not config.enabled and not config.conv_fusion and getattr(config, "layout_str", "mul_ir") == "mul_ir"


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(_is_plain(one) for one in value)
    return value is None or isinstance(value, str | bool | int | float | slice)
