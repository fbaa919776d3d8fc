"""What distances and angles look like to the network."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


class RadialBasis(torch.nn.Module):
    """√(2/c) · sin(f_n r/c) / r, smoothly cut off at c.

    The envelope is 1 − (p+1)(p+2)/2 x^p + p(p+2) x^(p+1) − p(p+1)/2 x^(p+2) with x = r / c (Gasteiger, Groß and
    Günnemann, https://arxiv.org/abs/2003.03123). Its triple root at 1 is taken out, since the form above loses all
    digits near the cutoff.

    Parameters
    ----------
    frequencies : Tensor [K]
        Fitted f_n, near n π.
    cutoff : float, Å
        Range c.
    power : int
        p; 0 for no envelope.
    """

    def __init__(self, frequencies: Tensor, cutoff: float, power: int) -> None:
        super().__init__()
        self.frequencies = torch.nn.Parameter(frequencies)
        self.cutoff, self.power = cutoff, power

    def forward(self, distances: Tensor) -> Tensor:
        """Return the basis [U, K] at distances [U] in Å, none of them beyond the cutoff."""
        x = distances / self.cutoff
        scale = self._envelope(x) * math.sqrt(2.0 / self.cutoff) / distances
        return torch.sin(x[:, None] * self.frequencies) * scale[:, None]

    def _envelope(self, x: Tensor) -> Tensor:
        if self.power == 0:
            return torch.ones_like(x)
        series = torch.zeros_like(x)
        for k in reversed(range(self.power)):
            series = series * x + 0.5 * (k + 1) * (k + 2)
        return (1.0 - x) ** 3 * series


class AngularBasis(torch.nn.Module):
    """(1/√2, sin f_n θ ..., cos f_n θ ...) / √π.

    Parameters
    ----------
    frequencies : Tensor [K]
        Fitted f_n, near n.
    """

    NARROWING = 1.0 - 1e-6
    """Factor on the cosine: the angle has no derivative where it is exactly ±1."""

    def __init__(self, frequencies: Tensor) -> None:
        super().__init__()
        self.frequencies = torch.nn.Parameter(frequencies)

    def forward(self, cosines: Tensor) -> Tensor:
        """Return the basis [H, 2 K + 1] at the cosines [H] of angles."""
        turns = torch.acos(cosines * self.NARROWING)[:, None] * self.frequencies
        constant = torch.full_like(cosines[:, None], math.sqrt(0.5))
        return torch.cat([constant, torch.sin(turns), torch.cos(turns)], dim=1) * math.sqrt(1.0 / math.pi)
