"""Strain derivatives from gradients with respect to positions and cell.

For a homogeneous symmetric strain r → r(1 + ε), h → h(1 + ε), the chain rule gives
dE/dε = sym(Σ_i r_i ⊗ ∂E/∂r_i + Σ_k h_k ⊗ ∂E/∂h_k): no strained copy of the geometry is needed, and one backward pass
serves forces and stress. See Knuth et al., Comput. Phys. Commun. 190, 33 (2015), doi:10.1016/j.cpc.2015.01.003.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.batch import Batch


def strain_gradient(data: Batch, by_positions: Tensor, by_cell: Tensor | None) -> Tensor:
    """Return dE/dε of each system.

    Parameters
    ----------
    data : Batch
        Positions and cell at which the gradients were taken.
    by_positions : Tensor [N, 3], eV/Å
        ∂E/∂r.
    by_cell : Tensor [B, 3, 3], eV/Å, optional
        ∂E/∂h; None where the energy does not read the cell.

    Returns
    -------
    Tensor [B, 3, 3], eV
        Symmetric.
    """
    if data.num_systems == 1:
        total = (data.positions.mT @ by_positions).unsqueeze(0)
    else:
        outer = data.positions.unsqueeze(2) * by_positions.unsqueeze(1)
        total = outer.new_zeros(data.num_systems, 3, 3).index_add(0, data.batch_idx, outer)
    if by_cell is not None and data.cell is not None:
        total = total + data.cell.mT @ by_cell
    symmetric: Tensor = 0.5 * (total + total.mT)
    return symmetric


def volumes(cell: Tensor) -> Tensor:
    """Return |det cell| of each system [B] in Å³."""
    a, b, c = cell.unbind(1)
    volume: Tensor = (a * torch.linalg.cross(b, c)).sum(1).abs()
    return volume


def per_volume(strain: Tensor, cell: Tensor) -> Tensor:
    """Divide [B, 3, 3] by the volumes; a system without a volume has no stress, which is NaN rather than infinite."""
    volume = volumes(cell).view(-1, 1, 1)
    has = volume > 0
    if not (strain.requires_grad or cell.requires_grad):
        return strain / torch.where(has, volume, torch.nan)
    # the gradient of a quotient by zero or NaN would spoil those of all parameters
    return torch.where(has, strain / torch.where(has, volume, 1.0), torch.nan)
