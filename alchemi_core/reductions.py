"""How the values of several steps become one output."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import torch

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


def spread(values: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Return the standard deviation, element by element: √(Σ_k w_k (x_k − x̄)² / Σ_k w_k · n / (n − 1)).

    With equal weights that is the usual one of a sample. Of one value it is zero. Arguments as for `weighted_sum`;
    weights are positive.
    """
    if len(values) == 1:
        return torch.zeros_like(values[0])
    mean = weighted_mean(values, weights)
    squares = weighted_mean([(value - mean).square() for value in values], weights)
    return root(squares * (len(values) / (len(values) - 1)))


def root(variance: Tensor) -> Tensor:
    """Return the square root of a variance, with a gradient of zero where that is zero, as `torch.std` has it."""
    positive = variance > 0
    return torch.where(positive, torch.where(positive, variance, 1.0).sqrt(), variance.clamp(max=0.0))


def first(values: Sequence[Tensor], weights: Sequence[float]) -> Tensor:  # noqa: ARG001 - called as every rule is
    """Return the value of the first step that gives one, whatever its weight."""
    return values[0]


def last(values: Sequence[Tensor], weights: Sequence[float]) -> Tensor:  # noqa: ARG001
    """Return the value of the last step that gives one, whatever its weight."""
    return values[-1]


def concatenate(values: Sequence[Tensor], weights: Sequence[float]) -> Tensor:  # noqa: ARG001
    """Return all values side by side: [N, a] and [N, b] as [N, a + b], several [N] as columns of [N, k].

    Arguments as for `weighted_sum`; weights are of no account.
    """
    if values[0].dim() > 1:
        return torch.cat(list(values), dim=-1)
    return torch.stack(list(values), dim=-1) if len(values) > 1 else values[0]
