"""A limit on what factories allocate while they are called with options from a file.

A few bytes of options can ask for a network of any size. Its weights would have to be in the file, so tensors that are
much larger together than those of the file tell that options and tensors do not belong to each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from alchemi_core.errors import SerializationError

LEAST = 256 * 1024 * 1024
"""Bytes that are always allowed: tables and buffers that a model makes by itself."""

_MAKERS = frozenset(
    getattr(torch, name)
    for name in ("empty", "zeros", "ones", "full", "rand", "randn", "randint", "randperm", "arange", "linspace", "eye")
)
_FILLED = frozenset({torch.full, torch.Tensor.new_full})
_LIKE_MAKERS = frozenset(getattr(torch.Tensor, name) for name in ("new_empty", "new_zeros", "new_ones", "new_full"))


class Limited(TorchFunctionMode):
    """Refuses to make tensors beyond a limit, before memory is taken; only in the thread that entered it.

    Parameters
    ----------
    held : int
        Bytes of the tensors that the file holds for the model.
    who : str
        The model, for errors.
    least : int
        Bytes that are allowed whatever the file holds.
    """

    def __init__(self, held: int, who: str, least: int = LEAST) -> None:
        super().__init__()
        self._left, self._held, self._who = least + 8 * held, held, who

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count what a maker of tensors would allocate, then call it."""
        del types
        given = kwargs or {}
        if func in _MAKERS or func in _LIKE_MAKERS:
            self._left -= _bytes(func, args, given)
            if self._left < 0:
                raise SerializationError(
                    f"its options ask for tensors far beyond the {self._held} bytes that the file holds for it",
                    expected="options that belong to the tensors",
                    who=self._who,
                )
        return func(*args, **given)


def _bytes(func: Any, args: Any, given: Any) -> int:
    """Return how much a call would allocate, 8 bytes a number where it does not say."""
    if "out" in given:
        return 0
    dtype = given.get("dtype")
    try:
        return _numbers(func, args, given) * (dtype.itemsize if isinstance(dtype, torch.dtype) else 8)
    except (TypeError, IndexError, KeyError, ValueError):
        return 0  # no call that torch takes, or one of its rarer forms


def _numbers(func: Any, args: Any, given: Any) -> int:
    args = args[1:] if func in _LIKE_MAKERS else args
    if func is torch.arange:
        start, end, step = (0, *args, 1) if len(args) == 1 else (*args, 1)[:3]
        steps: int = math.ceil((end - start) / step)
        return steps
    if func is torch.linspace:
        return int(given["steps"] if "steps" in given else args[2])
    if func is torch.randint:
        return _product(given["size"] if "size" in given else args[-1])
    if func in (torch.eye, torch.randperm):
        return _product(args) * (args[0] if func is torch.eye and len(args) == 1 else 1)
    if "size" in given:
        return _product(given["size"])
    return _product(args[0] if func in _FILLED else args)


def _product(size: Any) -> int:
    """Return the product of sizes, given one by one or as one sequence."""
    sizes = size[0] if len(size) > 0 and isinstance(size[0], Sequence) else size
    return math.prod(int(one) for one in sizes)
