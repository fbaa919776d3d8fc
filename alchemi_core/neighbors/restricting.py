"""Cutting a list down to some of its atoms: pairs with both ends among them, numbered anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.neighbors.lists import CooList, MatrixList
from alchemi_core.neighbors.selecting import select

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.neighbors.lists import NeighborList


def restrict(neighbors: NeighborList, atoms: Tensor) -> NeighborList:
    """Return the list of some atoms as if the others were not there.

    Cutoff, kind, order, shifts and integer types stay. A matrix of some atoms is padded with their number; it shrinks
    to its fullest row where asking for that costs no wait.

    Parameters
    ----------
    neighbors : CooList or MatrixList
        Of all atoms.
    atoms : Tensor [n], int64
        Those kept, in rising order.
    """
    if isinstance(neighbors, CooList):
        return _pairs(neighbors, atoms)
    return _rows(neighbors, atoms)


def _renumbering(atoms: Tensor, size: int, outside: int, like: Tensor) -> Tensor:
    """Return the new number of each old one, and one value for all that are left out."""
    new = torch.arange(atoms.shape[0], dtype=like.dtype, device=like.device)
    return new.new_full((size,), outside).index_copy_(0, atoms, new)


def _pairs(neighbors: CooList, atoms: Tensor) -> CooList:
    number = _renumbering(atoms, neighbors.num_atoms, -1, neighbors.neighbor_list)
    pairs = number[neighbors.neighbor_list.long()]
    whole = attrs.evolve(neighbors, neighbor_list=pairs)
    keep = (pairs >= 0).all(1)
    cut = select(whole, keep, cutoff=neighbors.cutoff, half_list=neighbors.half_list, skin=neighbors.skin)
    assert isinstance(cut, CooList)
    # Rows of atoms left out are empty by now, so those of the others follow each other.
    return attrs.evolve(cut, edge_ptr=torch.cat([cut.edge_ptr.index_select(0, atoms), cut.edge_ptr[-1:]]))


def _rows(neighbors: MatrixList, atoms: Tensor) -> NeighborList:
    count = atoms.shape[0]
    number = _renumbering(atoms, neighbors.num_atoms + 1, count, neighbors.neighbor_matrix)
    rows = attrs.evolve(
        neighbors,
        neighbor_matrix=number[neighbors.neighbor_matrix.index_select(0, atoms).long()],
        num_neighbors=neighbors.num_neighbors.index_select(0, atoms),
        neighbor_matrix_shifts=neighbors.neighbor_matrix_shifts.index_select(0, atoms),
    )
    keep = rows.neighbor_matrix < count
    return select(rows, keep, cutoff=rows.cutoff, half_list=rows.half_list, skin=rows.skin)
