"""Values without parts, and the state of objects that have some: what a comparison comes down to."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Mapping

_PLAIN = (bool, int, float, complex, str, bytes, type(None), range, slice, frozenset, set, np.generic, np.ndarray, Enum)
_OF_TORCH = (torch.dtype, torch.device, torch.layout, torch.memory_format)
_HEAP_TYPE = 1 << 9
"""``Py_TPFLAGS_HEAPTYPE``, the flag of classes that were made while the program runs."""


def is_plain(value: object) -> bool:
    """Tell whether a value is compared as a whole; of subclasses, which may hold more, only those of no attributes."""
    return type(value) in (*_PLAIN, *_OF_TORCH) or isinstance(value, Enum | np.generic)


def same_plain(one: object, other: object) -> bool:
    """Tell whether two plain values are the same to the last bit; a NaN is not even the same as itself."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        kinds = [(array.dtype, array.shape, array.tobytes()) for array in (one, other)]
        return not one.dtype.hasobject and kinds[0] == kinds[1]
    if isinstance(one, set | frozenset) and isinstance(other, set | frozenset):
        return one == other and sorted(map(repr, one)) == sorted(map(repr, other))
    return bool(one == other) and repr(one) == repr(other)


def state_of(value: object) -> Mapping[str, Any] | None:
    """Return the attributes of an object; None where it may hold more than these."""
    kinds = [kind for kind in type(value).__mro__ if kind not in (object, tuple, list, dict)]
    if not all(map(_is_of_python, kinds)):
        return None
    named = getattr(value, "__dict__", None)
    if named is None and not all("__slots__" in vars(kind) for kind in kinds):
        return None
    slots = {name: getattr(value, name) for name in _slots(kinds) if hasattr(value, name)}
    return {**slots, **(named or {})}


def _is_of_python(kind: type) -> bool:
    """Tell whether a class was written in Python, so that its instances hold nothing that attributes do not show."""
    return bool(kind.__flags__ & _HEAP_TYPE) and type(kind).__name__ != "pybind11_type"


def _slots(kinds: list[type]) -> list[str]:
    found = []
    for kind in kinds:
        own = vars(kind).get("__slots__", ())
        names = (own,) if isinstance(own, str) else own
        found += [_mangled(kind, name) for name in names if name not in ("__dict__", "__weakref__")]
    return found


def _mangled(kind: type, name: str) -> str:
    private = name.startswith("__") and not name.endswith("__")
    return f"_{kind.__name__.lstrip('_')}{name}" if private else name
