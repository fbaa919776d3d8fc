"""A batch in float64, its cells completed along open directions, so that every system has coordinates to bin by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_neighbors_warp import grid_kernels
from alchemi_neighbors_warp.launching import launch, matrices, numbers, vectors
from alchemi_neighbors_warp.loading import load

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.batch import Batch


@attrs.frozen(eq=False)
class Frame:
    """A batch in float64.

    Parameters
    ----------
    positions : Tensor [N, 3], Å
    systems : Tensor [N], int64
    cells : Tensor [B, 3, 3], Å
        Zero along open directions.
    pbc : Tensor [B, 3], bool
    inverses : Tensor [B, 3, 3]
        Inverses of the cells, with unit vectors normal to the periodic ones along open directions.
    fractions : Tensor [N, 3]
        Coordinates along these vectors: in cells where a direction is periodic, else in Å.
    """

    positions: Tensor
    systems: Tensor
    cells: Tensor
    pbc: Tensor
    inverses: Tensor
    fractions: Tensor

    @classmethod
    def of(cls, batch: Batch) -> Frame:
        """Read a batch."""
        positions, systems = batch.positions.detach().double().contiguous(), batch.batch_idx.contiguous()
        if batch.cell is None or batch.pbc is None:
            cells = positions.new_zeros(batch.num_systems, 3, 3)
            pbc = torch.zeros(batch.num_systems, 3, dtype=torch.bool, device=positions.device)
        else:
            pbc = batch.pbc.contiguous()
            cells = batch.cell.detach().double().masked_fill(~pbc[..., None], 0.0)
        inverses, fractions = torch.empty_like(cells), torch.empty_like(positions)
        device = load(grid_kernels, positions.device)
        completed = matrices(cells), numbers(pbc), matrices(inverses)
        launch(grid_kernels.complete_cells, device, batch.num_systems, *completed)
        coordinates = vectors(positions), numbers(systems), matrices(inverses), vectors(fractions)
        launch(grid_kernels.find_fractions, device, batch.num_atoms, *coordinates)
        return cls(positions, systems, cells, pbc, inverses, fractions)

    def lowest(self) -> Tensor:
        """Lowest coordinates of each system: Tensor [B, 3]."""
        return self._extremes("amin", float("inf"))

    def highest(self) -> Tensor:
        """Highest coordinates of each system: Tensor [B, 3]."""
        return self._extremes("amax", float("-inf"))

    def _extremes(self, reduce: str, start: float) -> Tensor:
        found = self.fractions.new_full(self.pbc.shape, start)
        return found.scatter_reduce_(0, self.systems[:, None].expand_as(self.fractions), self.fractions, reduce)

    def counts(self) -> Tensor:
        """Atoms of each system: Tensor [B], int64."""
        found = self.systems.new_zeros(self.pbc.shape[0])
        return found.scatter_add_(0, self.systems, torch.ones_like(self.systems))

    def padded(self, reach: float) -> Tensor:
        """Return the reach and all that roundings may take from a distance or a bin: Tensor [1], Å."""
        size = self.positions.abs().max() + self.cells.abs().max()
        return (reach * (1.0 + 1e-9) + 1e-11 * size).reshape(1)
