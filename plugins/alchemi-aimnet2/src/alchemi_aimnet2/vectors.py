"""Pair vectors that are made outside of the network, in the precision of the positions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_aimnet2.upstream import AEVSV

if TYPE_CHECKING:
    from torch import Tensor


class GivenVectors(AEVSV):  # type: ignore[misc] # aimnet is not annotated for us
    """Aimnet's expansion of neighborhoods, for pair vectors that are given.

    aimnet makes them from coordinates in the precision of the weights, which loses what float64 positions far from the
    origin have, and takes the cell only where every system has one.
    """

    @staticmethod
    def adopt(layer: AEVSV) -> None:
        """Turn a layer as aimnet builds it into one of this kind; its parameters stay what they are."""
        layer.__class__ = GivenVectors

    def forward(self, data: dict[str, Tensor]) -> dict[str, Tensor]:
        """Add distances and the expansion of ``data["r_ij"]`` [N + 1, K, 3] to `data`."""
        data["d_ij"] = torch.linalg.vector_norm(data["r_ij"], dim=-1)
        data["g_sv"] = self._calc_aev(data["r_ij"], data["d_ij"], data)
        return data
