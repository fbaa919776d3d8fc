"""The model that the doctor examines: a Morse potential whose derivatives are known to be smooth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_core.contract import OnGraph
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.neighbors.config import NeighborConfig
from alchemi_core.neighbors.geometry import pair_vectors

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.view import ModelView

DISTANCE, STEEPNESS, CUTOFF = 2.6, 1.5, 5.0


class Morse(torch.nn.Module, BaseModelMixin):
    """E = ½ Σ_ij D ((1 − exp(−a (r − r0)))² − 1) w(r), w(r) = (1 − (r/r_c)²)³.

    P. M. Morse, Phys. Rev. 34, 57 (1929), doi:10.1103/PhysRev.34.57.

    Parameters
    ----------
    depth : float, eV
        D; a, r0 and r_c are fixed.
    """

    def __init__(self, depth: float = 0.3) -> None:
        super().__init__()
        self.depth = torch.nn.Parameter(torch.tensor(depth, dtype=torch.float64))
        self.model_config = ModelConfig(
            name="morse",
            outputs={"energy": OnGraph({"positions", "cell"})},
            supports_pbc=True,
            neighbor_config=NeighborConfig(CUTOFF),
        )

    def compute(self, view: ModelView, requested: frozenset[str]) -> dict[str, Tensor]:  # noqa: ARG002
        """Return the energy."""
        i = view.neighbors.neighbor_list[:, 0].long()
        r = pair_vectors(view.positions, view.cell, view.neighbors, view.batch_idx).norm(dim=1)
        well = (1 - torch.exp(-STEEPNESS * (r - DISTANCE))) ** 2 - 1
        pair = 0.5 * self.depth.to(r.dtype) * well * (1 - (r / CUTOFF) ** 2) ** 3
        return {"energy": r.new_zeros(view.num_systems).index_add(0, view.batch_idx[i], pair).unsqueeze(1)}
