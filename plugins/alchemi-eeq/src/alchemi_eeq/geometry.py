"""Geometry: where atoms are, in atomic units and double precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.quantities import BOHR

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.view import ModelView


@attrs.frozen(eq=False)
class Geometry:
    """Positions and lattices of all systems, on the graph of the view's.

    Parameters
    ----------
    positions : Tensor [N, 3], Bohr, float64
    batch_idx : Tensor [N], int64
    cell : Tensor [B, 3, 3], Bohr, float64, or None
    pbc : Tensor [B, 3], bool, or None
    periodic : tuple of int
        Number of periodic directions of each system.
    """

    positions: Tensor
    batch_idx: Tensor
    cell: Tensor | None
    pbc: Tensor | None
    periodic: tuple[int, ...]


def read_geometry(view: ModelView) -> Geometry:
    """Convert the geometry of a view."""
    positions = view.positions.to(torch.float64) / BOHR
    if view.cell is None:
        return Geometry(positions, view.batch_idx, None, None, (0,) * view.num_systems)
    periodic = tuple(view.pbc.sum(1).tolist())
    return Geometry(positions, view.batch_idx, view.cell.to(torch.float64) / BOHR, view.pbc, periodic)
