"""Padding: cells that are periodic in every direction, for models that know one flag of periodicity only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from ase.geometry import complete_cell

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from alchemi_core.data.view import ModelView

MARGIN = 1.0
"""Å beyond the reach, so that rounding brings no pair of images into it."""


def padded_cells(view: ModelView, reach: float) -> Tensor:
    """Return cells in which images along open directions are out of reach: Tensor [B, 3, 3], Å, rows.

    A model of finite range gives the same energy for them as without these images.

    Parameters
    ----------
    view : ModelView
        Any mixture of periodicities.
    reach : float, Å
        The largest distance at which the model sees a pair.

    Returns
    -------
    Tensor
        Periodic vectors are those of the view, on the graph where they are.
    """
    if view.cell is None:
        cell, pbc = view.positions.new_zeros(view.num_systems, 3, 3), torch.zeros(view.num_systems, 3, dtype=torch.bool)
        pbc = pbc.to(cell.device)
    else:
        cell, pbc = view.cell, view.pbc
    if bool(pbc.all()):
        return cell  # type: ignore[no-any-return]  # of a view
    positions, ptr = view.positions.detach().cpu().numpy(), view.ptr
    kept = (cell.detach() * pbc[:, :, None]).cpu().double().numpy()
    boxes = [_padded(kept[b], positions[ptr[b] : ptr[b + 1]], reach + MARGIN) for b in range(view.num_systems)]
    return torch.where(pbc[:, :, None], cell, torch.stack([torch.from_numpy(box) for box in boxes]).to(cell))


def _padded(cell: np.ndarray, positions: np.ndarray, gap: float) -> np.ndarray:
    full: np.ndarray = complete_cell(cell)
    for row in range(3):
        if not cell[row].any():
            along = positions @ full[row]
            full[row] *= gap + (along.max() - along.min() if len(along) else 0.0)
    return full
