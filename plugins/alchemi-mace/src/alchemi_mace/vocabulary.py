"""The fixed names under which classes and functions of mace-torch stand in a pipeline file.

Nothing is imported by a name in a file: a name that is not in these tables is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from alchemi_core.errors import SerializationError
from alchemi_mace.checkpoints import WHO
from alchemi_mace.upstream import (
    MACE,
    AgnesiTransform,
    BesselBasis,
    ChebychevBasis,
    EnergyDipolesMACE,
    GaussianBasis,
    NonLinearBiasReadoutBlock,
    NonLinearReadoutBlock,
    ScaleShiftMACE,
    SoftTransform,
    interaction_classes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

NETWORKS: dict[str, Any] = {one.__name__: one for one in (MACE, ScaleShiftMACE, EnergyDipolesMACE)}
INTERACTIONS: dict[str, Any] = dict(interaction_classes)
READOUTS: dict[str, Any] = {one.__name__: one for one in (NonLinearReadoutBlock, NonLinearBiasReadoutBlock)}
RADIAL: dict[str, Any] = {"bessel": BesselBasis, "gaussian": GaussianBasis, "chebyshev": ChebychevBasis}
"""By mace's names of ``radial_type``."""

TRANSFORMS: dict[str, Any] = {"None": type(None), "Agnesi": AgnesiTransform, "Soft": SoftTransform}
"""By mace's names of ``distance_transform``."""

GATES: dict[str, Any] = {
    "None": None,
    "silu": torch.nn.functional.silu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.nn.functional.relu,
    "softplus": torch.nn.functional.softplus,
    "selu": torch.nn.functional.selu,
    "elu": torch.nn.functional.elu,
    "gelu": torch.nn.functional.gelu,
    "abs": torch.abs,
}
_SAME = {torch.nn.functional.sigmoid: "sigmoid", torch.nn.functional.tanh: "tanh", torch.relu: "relu"}
"""Functions that torch has twice."""


def gate_name(function: Any) -> str:
    """Return the name of an activation function.

    Raises
    ------
    SerializationError
        If it has none.
    """
    return _SAME.get(function) or name_of(function, GATES, "the activation function")


def name_of(thing: Any, table: Mapping[str, Any], what: str) -> str:
    """Return the name under which exactly this class or function stands in a table.

    Raises
    ------
    SerializationError
        If it does not.
    """
    for name, known in table.items():
        if thing is known:
            return name
    raise SerializationError(
        f"{what} is {getattr(thing, '__name__', thing)}, which a pipeline file has no name for",
        expected=f"one of {', '.join(table)}",
        who=WHO,
    )
