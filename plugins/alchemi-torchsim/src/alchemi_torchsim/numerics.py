"""What is a number and what is not: options, and energies and forces of systems."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from alchemi_core.errors import ModelOutputError

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_torchsim.engine import SimState


def is_finite(value: object) -> bool:
    """Tell whether an option is a finite number; True and False are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_positive(value: object) -> bool:
    """Tell whether an option is a finite number above zero."""
    return is_finite(value) and value > 0.0  # type: ignore[operator]  # it is a number


def finite_systems(state: SimState) -> Tensor:
    """Tell of which systems energy and forces are finite: Tensor [B], bool."""
    bad = (~torch.isfinite(state.forces).all(1)).to(torch.int64)
    counts = torch.zeros_like(state.energy, dtype=torch.int64).index_add(0, state.system_idx, bad)
    return torch.isfinite(state.energy) & (counts == 0)


def not_finite(state: SimState, steps: int, who: str, fix: str) -> ModelOutputError | None:
    """Return an error unless energy and forces of a single system are finite."""
    if bool(finite_systems(state)):
        return None
    found = f"energy or forces are not finite after {steps} steps"
    return ModelOutputError(found, expected="finite numbers", who=who, fix=fix)
