"""A grid of bins over every system of a batch, and the atoms sorted into them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.errors import GeometryError
from alchemi_neighbors_warp import grid_kernels
from alchemi_neighbors_warp.frames import Frame
from alchemi_neighbors_warp.launching import launch, matrices, numbers, vectors
from alchemi_neighbors_warp.loading import load

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.batch import Batch

_MOST_CELLS = 2.0**29
_DEVIATIONS = 6.0
"""By how many standard deviations of a gas of mean density there is room for more neighbors than its mean."""


@attrs.frozen(eq=False)
class Grid:
    """Bins, and the atoms in them, in a fixed order.

    Parameters
    ----------
    frame : Frame
        The batch.
    reach : float, Å
        Pairs are to be found up to here: a hair more than was asked for.
    room : int
        Neighbors that an atom is expected to have at most.
    bins, radii : Tensor [B, 3], int32
        Bins along each direction, and how many bins away a neighbor can be.
    offsets : Tensor [B], int32
        Number of the first bin of each system.
    away, places : Tensor [N, 3], int32
        Cells by which each atom lies outside the cell, and its bin.
    atoms : Tensor [N], int32
        Atoms in the order of bins, and of their numbers within one.
    starts, occupants : Tensor [M], int32
        Where the atoms of each bin begin among those, and how many they are.
    """

    frame: Frame
    reach: float
    room: int
    bins: Tensor
    radii: Tensor
    offsets: Tensor
    away: Tensor
    places: Tensor
    atoms: Tensor
    starts: Tensor
    occupants: Tensor

    @classmethod
    def of(cls, batch: Batch, reach: float) -> Grid:
        """Lay the grid, and look at the device once: how far roundings may carry, and how crowded it is.

        Parameters
        ----------
        batch : Batch
            At least one atom; positions and cells are finite, and periodic cells not singular.
        reach : float, Å
            Largest distance of interest.

        Raises
        ------
        GeometryError
            If an atom lies more than 2²⁹ cells away, so that shifts do not fit int32.
        """
        frame = Frame.of(batch)
        padded = frame.padded(reach)
        layout = _Layout.of(frame, padded)
        away, places, keys, farthest = _assign(frame, layout)
        stats = torch.stack([padded[0], layout.room(frame, reach), farthest.max()])
        padded_reach, room, cells_away = stats.tolist()
        if cells_away > _MOST_CELLS:
            raise _too_far(batch, int(farthest.argmax()), cells_away)
        sorted_keys, atoms = torch.sort(keys, stable=True)
        bin_numbers = torch.arange(layout.most_bins(frame) + 1, dtype=torch.int32, device=keys.device)
        starts = torch.searchsorted(sorted_keys, bin_numbers, out_int32=True)
        return cls(
            frame=frame,
            reach=padded_reach,
            room=math.ceil(room),
            bins=layout.bins,
            radii=layout.radii,
            offsets=layout.offsets,
            away=away,
            places=places,
            atoms=atoms.int(),
            starts=starts[:-1],
            occupants=starts.diff(),
        )


@attrs.frozen(eq=False)
class _Layout:
    """Bins of each system, see `grid_kernels.choose_bins`."""

    counts: Tensor
    lowest: Tensor
    heights: Tensor
    bins: Tensor
    radii: Tensor
    volumes: Tensor
    offsets: Tensor

    @classmethod
    def of(cls, frame: Frame, reach: Tensor) -> _Layout:
        systems = frame.pbc.shape[0]
        counts, lowest = frame.counts(), frame.lowest()
        heights, bins = torch.empty_like(lowest), torch.empty(systems, 3, dtype=torch.int32, device=reach.device)
        radii, volumes = torch.empty_like(bins), reach.new_empty(systems)
        given = matrices(frame.inverses), numbers(frame.pbc), vectors(lowest), vectors(frame.highest())
        chosen = vectors(heights), vectors(bins), vectors(radii), numbers(volumes)
        device = load(grid_kernels, reach.device)
        launch(grid_kernels.choose_bins, device, systems, *given, numbers(counts), numbers(reach), *chosen)
        own = bins.prod(1)
        offsets = (torch.cumsum(own, 0) - own).int()
        return cls(counts, lowest, heights, bins, radii, volumes, offsets)

    def room(self, frame: Frame, reach: float) -> Tensor:
        """Estimate the neighbors of the most crowded atom; float64."""
        mean = self.counts * (4.0 / 3.0 * math.pi * reach**3) / self.volumes
        room = mean + _DEVIATIONS * mean.sqrt() + 8.0
        alone = (self.counts - 1).double()
        return torch.where(frame.pbc.any(1), room, torch.minimum(room, alone)).max()

    @staticmethod
    def most_bins(frame: Frame) -> int:
        """Bins of all systems, at most."""
        return grid_kernels.BINS_PER_ATOM * (frame.positions.shape[0] + frame.pbc.shape[0])


def _assign(frame: Frame, layout: _Layout) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return cells away [N, 3] and places [N, 3], bin numbers [N], and the largest of the cells away [N]."""
    atoms = frame.positions.shape[0]
    away = torch.empty(atoms, 3, dtype=torch.int32, device=frame.positions.device)
    places, keys, farthest = torch.empty_like(away), away.new_empty(atoms), frame.positions.new_empty(atoms)
    given = vectors(frame.fractions), numbers(frame.systems), numbers(frame.pbc), vectors(layout.lowest)
    grid = vectors(layout.heights), vectors(layout.bins), numbers(layout.offsets)
    found = vectors(away), vectors(places), numbers(keys), numbers(farthest)
    launch(grid_kernels.assign_bins, load(grid_kernels, away.device), atoms, *given, *grid, *found)
    return away, places, keys, farthest


def _too_far(batch: Batch, atom: int, cells: float) -> GeometryError:
    own = atom - batch.ptr[int(batch.batch_idx[atom])]
    return GeometryError(
        f"atom {own} of its system lies {cells:.3g} cells away from the cell",
        expected="shifts that fit int32",
        who="positions",
        fix="wrap the positions into the cell",
    )
