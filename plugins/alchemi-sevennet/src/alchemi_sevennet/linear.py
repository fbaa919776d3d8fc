"""Mixing of features: a matrix per irrep, which leaves components alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import torch

from alchemi_sevennet.irreps import SCALAR, Irrep, label

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

Features: TypeAlias = "dict[Irrep, Tensor]"
"""Features of the atoms by irrep: Tensor [N, 2 l + 1, count]."""


class Linear(torch.nn.Module):
    """Linear map that commutes with rotations.

    Parameters
    ----------
    weights : mapping of Irrep to Tensor [count in, count out]
        One matrix per irrep; an irrep without one is dropped.
    bias : Tensor [count out], optional
        Added to the even scalars.
    """

    def __init__(self, weights: Mapping[Irrep, Tensor], bias: Tensor | None = None) -> None:
        super().__init__()
        self.names = {irrep: f"weight_{label(irrep)}" for irrep in weights}
        for irrep, weight in weights.items():
            self.register_parameter(self.names[irrep], torch.nn.Parameter(weight.contiguous()))
        self.bias = None if bias is None else torch.nn.Parameter(bias)

    def forward(self, features: Features) -> Features:
        """Mix the features of each irrep."""
        out = {irrep: features[irrep] @ getattr(self, name) for irrep, name in self.names.items()}
        if self.bias is not None:
            out[SCALAR] = out[SCALAR] + self.bias
        return out


class ElementLinear(torch.nn.Module):
    """Mixing with a matrix of its own for every element.

    Parameters
    ----------
    weights : mapping of Irrep to Tensor [elements, count in, count out]
        One matrix per irrep and element.
    """

    def __init__(self, weights: Mapping[Irrep, Tensor]) -> None:
        super().__init__()
        self.names = {irrep: f"weight_{label(irrep)}" for irrep in weights}
        for irrep, weight in weights.items():
            self.register_parameter(self.names[irrep], torch.nn.Parameter(weight.contiguous()))

    def forward(self, features: Features, rows: Tensor) -> Features:
        """Mix the features of each atom; `rows` [N] holds the row of its element."""
        return {
            irrep: torch.bmm(features[irrep], getattr(self, name).index_select(0, rows))
            for irrep, name in self.names.items()
        }


def add_features(first: Features, second: Features) -> Features:
    """Add what both hold; keep what only one does."""
    both = {irrep: first[irrep] + second[irrep] for irrep in first.keys() & second.keys()}
    return {**first, **second, **both}
