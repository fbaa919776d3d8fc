"""What is no number: systems whose energy or forces are not finite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_core.errors import ModelOutputError

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_torchsim.engine import SimState


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
