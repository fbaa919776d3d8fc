"""How the values of several steps become one output."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

Reduction: TypeAlias = "Callable[[Sequence[Tensor], Sequence[float]], Tensor]"
"""A rule: values of several steps and their weights go in, one value comes out."""


def weighted_sum(values: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Return Σ_k w_k x_k, adding in the order given.

    Parameters
    ----------
    values : sequence of Tensor
        At least one; all of one shape.
    weights : sequence of float
        One per value; a weight of exactly 1 costs no multiplication.
    """
    total = values[0] if weights[0] == 1.0 else values[0] * weights[0]
    for value, weight in zip(values[1:], weights[1:], strict=True):
        total = total + (value if weight == 1.0 else value * weight)
    return total


def weighted_mean(values: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Return Σ_k w_k x_k / Σ_k w_k; arguments as for `weighted_sum`."""
    return weighted_sum(values, weights) / sum(weights)
