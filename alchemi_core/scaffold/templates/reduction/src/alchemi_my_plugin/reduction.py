"""The rule: values of several steps and their weights go in, one value comes out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from alchemi_core.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

ROUNDING = 1e-9
"""How far a sum of weights may be from one half to be taken for it."""


# FILL IN: your rule; it keeps shape, type, device and the autograd graph, and changes nothing it is given
def reduce(values: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Return the weighted median of each number: the mean of the lower and the upper one where these differ.

    Parameters
    ----------
    values : sequence of Tensor
        At least one; all of one shape.
    weights : sequence of float
        One per value, above zero; only their ratios matter.

    Returns
    -------
    Tensor
        Of the shape of the values; NaN where one of them is.

    Raises
    ------
    OptionError
        If a weight is not above zero.
    """
    _check(weights)
    stacked = torch.stack(tuple(values))  # [K, ...]
    ordered, order = stacked.sort(dim=0)
    share = torch.tensor(weights, dtype=torch.float64, device=stacked.device) / math.fsum(weights)
    below = share[order].cumsum(dim=0)  # of the weights, up to each of the values
    lower = (below < 0.5 - ROUNDING).sum(dim=0, keepdim=True)
    upper = (below <= 0.5 + ROUNDING).sum(dim=0, keepdim=True).clamp(max=len(weights) - 1)
    median = 0.5 * (ordered.gather(0, lower) + ordered.gather(0, upper)).squeeze(0)
    return torch.where(stacked.isnan().any(dim=0), torch.nan, median)


def _check(weights: Sequence[float]) -> None:
    if wrong := [weight for weight in weights if not weight > 0.0]:
        raise OptionError(
            f"a step has the weight {wrong[0]:g}",
            expected="weights above zero: they say how much each value counts",
            who="my-plugin",
        )
