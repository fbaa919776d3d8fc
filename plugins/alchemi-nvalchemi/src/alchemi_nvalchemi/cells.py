"""Cells of systems that have none: any volume will do to get a virial out of a stress."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from ase.geometry import complete_cell

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.view import ModelView


def filled_cells(view: ModelView) -> Tensor:
    """Return the cells of a view, missing vectors filled in by ones at right angles: Tensor [B, 3, 3], Å.

    No pair crosses a direction that is not periodic, so what stands there changes nothing but the volume.
    """
    cell: Tensor | None = view.cell
    if cell is None:
        return torch.eye(3, dtype=view.positions.dtype, device=view.positions.device).repeat(view.num_systems, 1, 1)
    flat = (torch.linalg.det(cell.detach()) == 0.0).nonzero().flatten().tolist()
    if not flat:
        return cell
    whole: Tensor = cell.detach().clone()
    for system in flat:
        completed = complete_cell(whole[system].double().cpu().numpy())
        whole[system] = torch.as_tensor(completed).to(whole)
    return whole


def per_volume(total: Tensor, cell: Tensor | None) -> Tensor:
    """Return −virial as a stress: Tensor [B, 3, 3], eV/Å³; NaN where a system has no volume."""
    if cell is None:
        return torch.full_like(total, torch.nan)
    volume = torch.linalg.det(cell.detach()).abs()[:, None, None]
    return torch.where(volume > 0.0, total / torch.where(volume > 0.0, volume, 1.0), torch.nan)
