"""Tensors in weights: described for a file, and made again from one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from alchemi_core.data.held import HeldValue
from alchemi_core.errors import SerializationError
from alchemi_core.serialization.entries import field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from torch import Tensor


def describe_held(holder: HeldValue, keep: Callable[[Tensor], str]) -> dict[str, Any]:
    """Return what holds a tensor as JSON values; `keep` puts the tensor aside and returns its key."""
    value = holder.value
    learned = isinstance(value, torch.nn.Parameter)
    return {"tensor": {"$tensor": keep(value)}, "parameter": learned, "requires_grad": value.requires_grad}


class HeldReader:
    """Makes what holds tensors again: one for each name, and one parameter for each tensor of the file.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        Of the file.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self._tensors = tensors
        self._made: dict[tuple[str, str], HeldValue] = {}
        self._values: dict[str, Tensor] = {}

    def read(self, entry: Any, name: str) -> HeldValue:
        """Return what holds the tensor that a description names.

        Raises
        ------
        SerializationError
            If it names none.
        """
        key = field(field(entry, "tensor", dict), "$tensor", str)
        if key not in self._tensors:
            raise SerializationError(f"a weight is the tensor {key!r:.80}, which is not there", who="pipeline file")
        learned, grad = field(entry, "parameter", bool), field(entry, "requires_grad", bool)
        if key not in self._values:
            copy = self._tensors[key].clone()
            self._values[key] = torch.nn.Parameter(copy, requires_grad=grad) if learned else copy
        return self._made.setdefault((key, name), HeldValue(self._values[key], name))

    def parameters(self) -> Iterator[tuple[HeldValue, dict[str, str]]]:
        """Yield each with the keys of its tensors by name, so that those of models can be the same."""
        for (key, _), holder in self._made.items():
            yield holder, {"value": key}
