"""Reading a saved model without running what is in the file.

mace-torch saves whole models with pickle, and reading them back as it does runs whatever code a file contains. Here a
file is read as torch reads plain tensors (``weights_only``). Of the layers of mace, e3nn and torch only the state is
taken: numbers, tensors, irreps and further layers; no constructor runs, and generated code is generated again.
"""

from __future__ import annotations

import functools
from importlib import import_module
from pickle import UnpicklingError
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from alchemi_mace.generated import RENEW
from alchemi_mace.upstream import (
    CodeGenMixin,
    CuEquivarianceConfig,
    LinearInstruction,
    OEQConfig,
    ProductInstruction,
    o3,
)

if TYPE_CHECKING:
    from pathlib import Path

_LAYERS = frozenset(
    {
        "e3nn.math._normalize_activation",
        "e3nn.nn._activation",
        "e3nn.nn._fc",
        "e3nn.o3._linear",
        "e3nn.o3._spherical_harmonics",
        "e3nn.o3._tensor_product._sub",
        "e3nn.o3._tensor_product._tensor_product",
        "mace.modules.blocks",
        "mace.modules.embeddings",
        "mace.modules.gate",
        "mace.modules.irreps_tools",
        "mace.modules.models",
        "mace.modules.radial",
        "mace.modules.symmetric_contraction",
        "torch.nn.modules.activation",
        "torch.nn.modules.container",
        "torch.nn.modules.linear",
        "torch.nn.modules.normalization",
        "torch.nn.modules.sparse",
    }
)
"""Modules whose layers are known to compute with their state and nothing else."""

_ONE_AT_A_TIME = Lock()
"""What may be read is kept by torch for the whole process."""

_FUNCTIONS = frozenset({"silu", "sigmoid", "tanh", "relu", "softplus", "selu", "elu", "gelu"})
_FUNCTION_MODULES = frozenset({"torch", "torch.nn.functional", "torch._C._nn"})

_VALUES: tuple[type, ...] = (
    o3.Irrep,
    o3.Irreps,
    o3._irreps._MulIr,
    LinearInstruction,
    ProductInstruction,
    CuEquivarianceConfig,
    OEQConfig,
    np.dtype,
    set,
    slice,
)
_NUMPY_KINDS = tuple(type(np.dtype(kind)) for kind in ("f4", "f8", "i4", "i8", "?"))


def unknown_names(path: Path) -> list[str]:
    """Return the names of classes and functions in a file that are not read; nothing of the file is run.

    Raises
    ------
    UnpicklingError, RuntimeError, ValueError, OSError, EOFError
        If the file is none that ``torch.save`` wrote.
    """
    names = torch.serialization.get_unsafe_globals_in_checkpoint(str(path))
    return sorted(name for name in names if _stand_in(name) is None)


def restore(path: Path) -> Any:
    """Read what `unknown_names` has found to be known.

    Raises
    ------
    UnpicklingError
        If the file does with known names what no model does.
    """
    names = torch.serialization.get_unsafe_globals_in_checkpoint(str(path))
    allowed: list[Any] = [(_stand_in(name), name) for name in names if _stand_in(name) is not None]
    allowed += _NUMPY_KINDS  # a file says numpy.dtype, and torch asks for the kind of what comes out
    with _ONE_AT_A_TIME, torch.serialization.safe_globals(allowed):
        return torch.load(path, map_location="cpu", weights_only=True)


@functools.cache
def _stand_in(name: str) -> Any:
    """Return what a name in a file stands for here, None for one that is not read."""
    module, _, last = name.rpartition(".")
    if module in _LAYERS:
        return _layer(module, last)
    if module.startswith("torch.fx."):
        return _Generated
    if module in _FUNCTION_MODULES and last in _FUNCTIONS:
        return getattr(torch.nn.functional, last)
    return _plain_values().get(name)


def _layer(module: str, name: str) -> Any:
    found = getattr(import_module(module), name, None)
    if isinstance(found, type) and issubclass(found, torch.nn.Module) and found.__module__ == module:
        return _restored_layer(found)
    return _plain_values().get(f"{module}.{name}")


def _plain_values() -> dict[str, Any]:
    scalar = np.float64(0.0).__reduce__()[0]
    return {
        **{f"{kind.__module__}.{kind.__qualname__}": kind for kind in _VALUES},
        "numpy.core.multiarray.scalar": scalar,
        "numpy._core.multiarray.scalar": scalar,
    }


class _Generated(torch.nn.Module):
    """Stands for a generated function, whose Python source in the file is not looked at; its layer makes another."""

    def __init__(self, *_: object) -> None:
        super().__init__()

    def __setstate__(self, state: object) -> None:
        del state


def _restored_layer(kind: type[torch.nn.Module]) -> type:
    """Return a class that becomes `kind` when it is given a state, and cannot be made in any other way."""

    def refuse(_self: object, *_args: object, **_options: object) -> None:
        raise UnpicklingError(f"{kind.__qualname__} is made by its constructor, not from a state")

    def set_state(self: torch.nn.Module, state: dict[str, Any]) -> None:
        self.__class__ = kind
        plain = {key: value for key, value in state.items() if key != "__codegen__"}
        torch.nn.Module.__setstate__(self, plain)
        _renew(self, has_code="__codegen__" in state)

    return type(kind.__name__, (kind,), {"__init__": refuse, "__setstate__": set_state})


def _renew(layer: torch.nn.Module, *, has_code: bool) -> None:
    renewals = [renew for kind, renew in RENEW.items() if isinstance(layer, kind)]
    if has_code and isinstance(layer, CodeGenMixin) and not renewals:
        raise UnpicklingError(f"the code of {type(layer).__qualname__} cannot be generated here")
    for renew in renewals:
        renew(layer)
