"""Where tensors are put aside while a pipeline is written: each piece of memory once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from alchemi_core.errors import SerializationError

if TYPE_CHECKING:
    from torch import Tensor


TYPES = frozenset(
    getattr(torch, name)
    for name in (
        *("float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "complex64"),
        *("int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool"),
    )
)
"""What is read as well as written."""


class Shelf:
    """Tensors of one file by key. The same values in the same memory, as tied weights are, get one key."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self._keys: dict[Any, str] = {}
        self._held: list[Tensor] = []

    def keep(self, key: str, tensor: Tensor) -> str:
        """Put a tensor aside and return its key: the one given, or that under which it lies already.

        Raises
        ------
        SerializationError
            If it is no plain tensor with values, or of a type that files have no form for.
        """
        if tensor.layout is not torch.strided or tensor.is_meta or tensor.is_quantized:
            raise SerializationError(
                f"the tensor {key!r} is {'without values' if tensor.is_meta else 'sparse or quantized'}",
                expected="plain tensors",
                who="pipeline",
            )
        if tensor.dtype not in TYPES:
            raise SerializationError(
                f"the tensor {key!r} is of type {_name(tensor.dtype)}",
                expected=f"one of {', '.join(sorted(map(_name, TYPES)))}",
                who="pipeline",
            )
        identity = _identity(tensor)
        if tensor.numel() and identity in self._keys:
            return self._keys[identity]
        self._held.append(tensor)  # while it is held, nothing else can lie at its address
        self._keys[identity] = key
        self.tensors[key] = _alone(tensor)
        return key


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _identity(tensor: Tensor) -> tuple[Any, ...]:
    place = tensor.untyped_storage().data_ptr(), tensor.storage_offset()
    return *place, tuple(tensor.shape), tensor.stride(), tensor.dtype, tensor.is_neg(), tensor.is_conj()


def _alone(tensor: Tensor) -> Tensor:
    """Return the values on the CPU, row by row; views are copied, so that none shares memory with another."""
    plain = tensor.detach().resolve_neg().resolve_conj().cpu().contiguous()
    whole = plain.untyped_storage().nbytes() == plain.numel() * plain.element_size()
    return plain if whole else plain.clone()
