"""Options of models and strategies as JSON values, exactly: what JSON has no form for is tagged, tensors are named.

A tag is a mapping with one key that begins with ``$``: ``{"$tuple": [1, 2]}``. Mappings with such keys of their own, or
with keys that are no text, are tagged as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch

from alchemi_core.errors import SerializationError

if TYPE_CHECKING:
    from torch import Tensor

Keep: TypeAlias = "Callable[[Tensor], str]"
"""Puts a tensor aside and returns the name under which it is kept."""

DTYPES = {
    name: getattr(torch, name)
    for name in ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool")
}
_NOT_FINITE = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


def encode(value: Any, keep: Keep, who: str) -> Any:
    """Return a value as JSON holds it.

    Parameters
    ----------
    value : Any
        Numbers, texts, None, lists, tuples, sets, mappings, tensors, arrays and floating types, nested as one likes.
    keep : callable
        Puts a tensor aside and returns its name.
    who : str
        Whose value it is, for errors.

    Raises
    ------
    SerializationError
        If it holds anything else.
    """
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return _float(value, who)
    if isinstance(value, torch.Tensor):
        return {"$tensor": keep(value)}
    if isinstance(value, np.ndarray):
        return {"$array": keep(_as_tensor(value, who))}
    if isinstance(value, torch.dtype) and value in DTYPES.values():
        return {"$dtype": str(value).removeprefix("torch.")}
    return _container(value, keep, who)


def _float(value: Real, who: str) -> Any:
    number = float(value)
    if math.isfinite(number) and number != value:
        raise _unknown(value, who)  # as of 1/3, or of numbers wider than 64 bits, something would be lost
    return number if math.isfinite(number) else {"$float": str(number)}


def _as_tensor(value: np.ndarray, who: str) -> Tensor:
    try:
        return torch.from_numpy(np.ascontiguousarray(value).reshape(value.shape).copy())
    except (TypeError, ValueError) as error:
        raise _unknown(value, who) from error


def _container(value: Any, keep: Keep, who: str) -> Any:
    if isinstance(value, Mapping):
        return _mapping(value, keep, who)
    if isinstance(value, range):
        return list(value)
    if isinstance(value, list | tuple | set | frozenset):
        # Sets have no order of their own; the same pipeline is to give the same file.
        items = sorted(value, key=repr) if isinstance(value, set | frozenset) else value
        encoded = [encode(item, keep, who) for item in items]
        kind = next(name for name, one in _SEQUENCES.items() if isinstance(value, one))
        return encoded if kind == "list" else {f"${kind}": encoded}
    raise _unknown(value, who)


_SEQUENCES: dict[str, type] = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}


def _mapping(value: Mapping[Any, Any], keep: Keep, who: str) -> Any:
    if all(isinstance(key, str) and not key.startswith("$") for key in value):
        return {key: encode(item, keep, who) for key, item in value.items()}
    return {"$map": [[encode(key, keep, who), encode(item, keep, who)] for key, item in value.items()]}


def _unknown(value: Any, who: str) -> SerializationError:
    return SerializationError(
        f"an option is {value!r:.80}, of type {type(value).__name__}",
        expected="numbers, texts, None, sequences, mappings, tensors and arrays",
        who=who,
        fix="offer a serializer for it (hook alchemi_serializers), or make it of plain values",
    )


def decode(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Return the value that was encoded.

    Raises
    ------
    SerializationError
        If it is not what `encode` writes.
    """
    return _decode(value, _Copies(tensors))


class _Copies(dict[str, "Tensor"]):
    """A copy of each tensor that is asked for: one, however often it is named."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        self._tensors = tensors

    def __missing__(self, name: str) -> Tensor:
        return self.setdefault(name, self._tensors[name].clone())


def _decode(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_decode(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    tags = [key for key in value if key.startswith("$")]
    if not tags:
        return {key: _decode(item, tensors) for key, item in value.items()}
    try:
        (tag,) = value
        return _READERS[tag](value[tag], tensors)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise SerializationError(
            f"holds a value that cannot be read: {value!r:.80}", expected="a known tag", who="pipeline file"
        ) from error


def _listed(value: Any, tensors: Mapping[str, Tensor]) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("a list")
    return [_decode(item, tensors) for item in value]


_READERS: dict[str, Callable[[Any, Mapping[str, Tensor]], Any]] = {
    "$tuple": lambda value, tensors: tuple(_listed(value, tensors)),
    "$set": lambda value, tensors: set(_listed(value, tensors)),
    "$frozenset": lambda value, tensors: frozenset(_listed(value, tensors)),
    "$map": lambda value, tensors: _once([_pair(pair, tensors) for pair in value]),
    "$float": lambda value, _: _NOT_FINITE[value],
    "$dtype": lambda value, _: DTYPES[value],
    "$tensor": lambda value, tensors: tensors[value],
    "$array": lambda value, tensors: tensors[value].numpy(),
}


def _pair(pair: Any, tensors: Mapping[str, Tensor]) -> tuple[Any, Any]:
    key, value = _listed(pair, tensors)
    return key, value


def _once(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands there twice")
    return found


def named_tensors(value: Any) -> set[str]:
    """Return the names of all tensors that an encoded value refers to."""
    if isinstance(value, list):
        return {name for item in value for name in named_tensors(item)}
    if not isinstance(value, dict):
        return set()
    own = {name for tag in ("$tensor", "$array") if isinstance(name := value.get(tag), str)}
    return own | {name for item in value.values() for name in named_tensors(item)}
