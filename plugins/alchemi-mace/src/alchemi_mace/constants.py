"""Numbers that layers keep beside their tensors and that no argument of a constructor gives exactly.

The factors of activation functions are means over random numbers, whose last digit depends on the machine.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from alchemi_core.errors import SerializationError
from alchemi_mace.checkpoints import WHO
from alchemi_mace.upstream import GatedEquivariantBlock, GaussianBasis, InteractionBlock, normalize2mom

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

CONSTANTS: dict[Any, tuple[str, ...]] = {
    normalize2mom: ("cst",),
    GatedEquivariantBlock: ("_scalar_cst", "_gate_cst"),
    GaussianBasis: ("coeff",),
    InteractionBlock: ("avg_num_neighbors",),
}
"""Attributes by class."""


def constants_of(network: torch.nn.Module) -> dict[str, float]:
    """Return all such numbers by the path of their layer.

    Raises
    ------
    SerializationError
        If one is no number.
    """
    return {f"{path}:{name}": _number(path, name, getattr(layer, name)) for path, layer, name in _places(network)}


def set_constants(network: torch.nn.Module, given: Any) -> None:
    """Put the numbers back.

    Raises
    ------
    SerializationError
        If they are not those of the network.
    """
    places = list(_places(network))
    known = {f"{path}:{name}" for path, _, name in places}
    if not isinstance(given, dict) or given.keys() != known:
        raise SerializationError(
            f"the constants are {given!r:.80}", expected=f"{len(known)} numbers by the path of their layer", who=WHO
        )
    for path, layer, name in places:
        setattr(layer, name, _number(path, name, given[f"{path}:{name}"]))


def _places(network: torch.nn.Module) -> Iterator[tuple[str, Any, str]]:
    for path, layer in network.named_modules(remove_duplicate=False):
        for kind, names in CONSTANTS.items():
            if isinstance(layer, kind):
                yield from ((path, layer, name) for name in names)


def _number(path: str, name: str, value: Any) -> float:
    if isinstance(value, float | int) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    raise SerializationError(f"{name} of {path} is {value!r:.80}", expected="a finite number", who=WHO)
