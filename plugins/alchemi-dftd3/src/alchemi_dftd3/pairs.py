"""Neighbor lists for the kernels, built by the package that brings them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs
import torch
from nvalchemiops.torch.neighbors import NeighborOverflowError, neighbor_list
from torch import Tensor

if TYPE_CHECKING:
    from alchemi_dftd3.systems import System

ROOM = 1.2
"""Neighbors provided for, over those of an even medium of the densest system; too few are noticed and doubled."""


@attrs.frozen(eq=False)
class Pairs:
    """A full list, sorted by the first atom.

    Parameters
    ----------
    atoms : Tensor [2, E], int32
        First and second atom of each pair.
    ptr : Tensor [N+1], int32
        Where the pairs of each first atom begin.
    shifts : Tensor [E, 3], int32
        Cell shifts.
    squared : Tensor [E], Bohr²
        Squared distances.
    """

    atoms: Tensor
    ptr: Tensor
    shifts: Tensor
    squared: Tensor

    def within(self, cutoff: float) -> Pairs:
        """Return the pairs closer than the cutoff."""
        kept = (self.squared < cutoff * cutoff).nonzero().flatten()
        atoms = self.atoms.index_select(1, kept)
        counts = torch.bincount(atoms[0], minlength=self.ptr.shape[0] - 1)
        ptr = torch.zeros_like(self.ptr)
        torch.cumsum(counts, 0, dtype=torch.int32, out=ptr[1:])
        return Pairs(atoms, ptr, self.shifts.index_select(0, kept), self.squared.index_select(0, kept))


def build_pairs(positions: Tensor, cells: Tensor, index: Tensor, cutoff: float, room: int) -> Pairs:
    """Build the list of all pairs closer than the cutoff.

    Parameters
    ----------
    positions : Tensor [N, 3], Bohr
        Need not be wrapped.
    cells : Tensor [B, 3, 3], Bohr
        Periodic along all vectors.
    index : Tensor [N], int32
        System of each atom.
    cutoff : float, Bohr
        Longest distance.
    room : int
        Neighbors per atom to begin with; doubled until it is enough.
    """
    periodic = torch.ones(cells.shape[0], 3, dtype=torch.bool, device=positions.device)
    while True:
        try:
            atoms, ptr, shifts = neighbor_list(
                positions,
                cutoff,
                cell=cells,
                pbc=periodic,
                batch_idx=index,
                return_neighbor_list=True,
                max_neighbors=room,
            )
        except NeighborOverflowError:
            room *= 2
        else:
            return Pairs(atoms, ptr, shifts, _squared(positions, cells, index, atoms, shifts))


def room(systems: tuple[System, ...], reach: float) -> int:
    """Guess how many neighbors an atom has at most."""
    sphere = 4.0 / 3.0 * math.pi * reach**3
    guesses = [16]
    for system in systems:
        count = len(system.numbers)
        if system.lattice is None:
            guesses.append(count)
        else:
            volume = abs(float(torch.linalg.det(torch.from_numpy(system.lattice))))
            guesses.append(count + int(ROOM * sphere * count / volume))
    return max(guesses)


def _squared(positions: Tensor, cells: Tensor, index: Tensor, atoms: Tensor, shifts: Tensor) -> Tensor:
    i, j = atoms
    steps = torch.einsum("ek,ekx->ex", shifts.to(positions), cells.index_select(0, index.index_select(0, i)))
    return (positions.index_select(0, j) - positions.index_select(0, i) + steps).square().sum(dim=1)
