"""Marks: what a stack was made of, to see before every call whether its members still are that."""

from __future__ import annotations

from itertools import chain
from operator import is_
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import torch
    from torch import Tensor


@attrs.frozen(eq=False)
class Marks:
    """What members looked like.

    Tensors and submodules that were exchanged are seen, modes and configs as well, and buffers that were written to.
    New values of parameters need not be: these are read anew in every call. What is neither is not looked at again.

    Parameters
    ----------
    models : tuple of Module
        The members.
    modules : tuple of Module
        All their modules.
    parts : tuple
        All tensors and submodules of these.
    modes : tuple of bool
        Whether each of the modules is in training mode.
    configs : tuple of ModelConfig
        Of the members.
    dtypes : tuple of torch.dtype
        Of all tensors.
    buffers : tuple
        Versions and addresses of the buffers, in which a change of their values shows.
    """

    models: tuple[Any, ...]
    modules: tuple[torch.nn.Module, ...]
    parts: tuple[Any, ...]
    modes: tuple[bool, ...]
    configs: tuple[Any, ...]
    dtypes: tuple[torch.dtype, ...]
    buffers: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, models: Sequence[Any]) -> Marks:
        """Look at models."""
        modules = tuple(module for model in models for module in model.modules())
        return cls(
            models=tuple(models),
            modules=modules,
            parts=tuple(_parts(modules)),
            modes=tuple(module.training for module in modules),
            configs=tuple(model.model_config for model in models),
            dtypes=tuple(_dtypes(modules)),
            buffers=tuple(map(_written, _buffers(modules))),
        )

    def hold(self) -> bool:
        """Tell whether the members are what they were."""
        return (
            _same(self.parts, tuple(_parts(self.modules)))
            and self.modes == tuple(module.training for module in self.modules)
            and _same(self.configs, tuple(model.model_config for model in self.models))
            and self.dtypes == tuple(_dtypes(self.modules))
            and self.buffers == tuple(map(_written, _buffers(self.modules)))
        )


def _same(then: tuple[Any, ...], now: tuple[Any, ...]) -> bool:
    return len(then) == len(now) and all(map(is_, then, now))


def _parts(modules: Iterable[torch.nn.Module]) -> Iterator[Any]:
    kinds = ((module._parameters, module._buffers, module._modules) for module in modules)
    return chain.from_iterable(part.values() for three in kinds for part in three)


def _buffers(modules: Iterable[torch.nn.Module]) -> Iterator[Tensor]:
    return (tensor for module in modules for tensor in module._buffers.values() if tensor is not None)


def _dtypes(modules: Iterable[torch.nn.Module]) -> Iterator[torch.dtype]:
    return (one.dtype for module in modules for one in module._parameters.values() if one is not None)


def _written(tensor: Tensor) -> tuple[int, int]:
    """Return how often a tensor was written to, which torch does not count in inference mode, and where it lies."""
    return -1 if tensor.is_inference() else tensor._version, tensor.data_ptr()
