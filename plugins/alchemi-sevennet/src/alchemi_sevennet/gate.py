"""The nonlinearity between layers: activated scalars, and gates for all that turns."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from alchemi_core.errors import DataError
from alchemi_sevennet.irreps import Irrep

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from alchemi_sevennet.layout import LayerLayout
    from alchemi_sevennet.linear import Features


def _shifted_softplus(x: Tensor) -> Tensor:
    return functional.softplus(x) - math.log(2.0)


ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "abs": torch.abs,
    "elu": functional.elu,
    "relu": functional.relu,
    "sigmoid": torch.sigmoid,
    "silu": functional.silu,
    "ssp": _shifted_softplus,
    "tanh": torch.tanh,
}
"""Activations by the names that configs use."""


def activation(name: str) -> Callable[[Tensor], Tensor]:
    """Return an activation by name.

    Raises
    ------
    DataError
        If there is none of that name.
    """
    if name not in ACTIVATIONS:
        raise DataError(f"activation {name!r}", expected=", ".join(ACTIVATIONS), who="SevenNet checkpoint")
    return ACTIVATIONS[name]


@cache
def unit_moment(name: str) -> float:
    """Return the factor c that makes the second moment of c f(z) one for a standard normal z.

    Published weights were fitted with the moment estimated from a million samples of the generator seeded with 0 (e3nn,
    ``normalize2mom``), so the same samples are drawn here: an exact integral would differ in the third digit.
    """
    generator = torch.Generator().manual_seed(0)
    samples = torch.randn(1_000_000, generator=generator, dtype=torch.float64)
    factor = float(activation(name)(samples).square().mean()) ** -0.5
    return 1.0 if abs(factor - 1.0) < 1e-4 else factor


class Gate(torch.nn.Module):
    """Scalars go through an activation; features that turn are multiplied by activated scalars of their own.

    Parameters
    ----------
    layout : LayerLayout
        Says what comes in and goes out.
    scalars, gates : mapping of str to str
        Names of the activations for even (``"e"``) and odd (``"o"``) scalars, and for those that gate.
    """

    def __init__(self, layout: LayerLayout, scalars: Mapping[str, str], gates: Mapping[str, str]) -> None:
        super().__init__()
        self.scalars = {block.irrep: block.count for block in layout.gives if block.irrep[0] == 0}
        self.gated = {block.irrep: block.count for block in layout.gives if block.irrep[0] > 0}
        self.gate: Irrep = (0, layout.gate_parity)
        self.names = {irrep: scalars["e" if irrep[1] == 1 else "o"] for irrep in self.scalars}
        self.gate_name = gates["e" if layout.gate_parity == 1 else "o"]

    def forward(self, features: Features) -> Features:
        """Return gated features."""
        out = {irrep: _act(features[irrep][..., :n], self.names[irrep]) for irrep, n in self.scalars.items()}
        if self.gated:
            first = self.scalars.get(self.gate, 0)
            opened = _act(features[self.gate][..., first:], self.gate_name).split(list(self.gated.values()), dim=-1)
            out |= {irrep: features[irrep] * opening for irrep, opening in zip(self.gated, opened, strict=True)}
        return out


def _act(x: Tensor, name: str) -> Tensor:
    factor = unit_moment(name)
    value = activation(name)(x)
    return value if factor == 1.0 else value * factor
