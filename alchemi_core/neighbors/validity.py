"""Whether a list that somebody brought can be what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_core.errors import NeighborError
from alchemi_core.neighbors.capacity import MAX_PAIRS, check_capacity
from alchemi_core.neighbors.filtering import other_atoms
from alchemi_core.neighbors.geometry import filled
from alchemi_core.neighbors.halves import above_zero
from alchemi_core.neighbors.lists import CooList

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.neighbors.lists import MatrixList, NeighborList

_INTEGERS = (torch.int32, torch.int64)


def check_list(neighbors: NeighborList, batch: Batch) -> None:
    """Raise `NeighborError` unless the list is well formed and fits the batch.

    Types, device, number of atoms, index range, order, counts and padding are looked at; distances are not: a list
    is taken as made for the positions it comes with.

    Parameters
    ----------
    neighbors : CooList or MatrixList
        A list that did not come from a builder.
    batch : Batch
        The batch that carries it.
    """
    if neighbors.num_atoms != batch.num_atoms:
        raise other_atoms(neighbors.num_atoms, batch.num_atoms)
    for name, tensor in _tensors(neighbors).items():
        if tensor.dtype not in _INTEGERS:
            raise _wrong(f"{name} has type {tensor.dtype}", "torch.int32")
        if tensor.device != batch.device:
            raise _wrong(f"{name} is on {tensor.device}", f"{batch.device}, as the batch")
        if tensor.dtype == torch.int64 and tensor.numel() and int(tensor.abs().max()) > MAX_PAIRS:
            raise _wrong(f"{name} holds numbers beyond int32", f"-{MAX_PAIRS}..{MAX_PAIRS}", "wrap the positions")
    if isinstance(neighbors, CooList):
        _check_coo(neighbors, batch)
    else:
        _check_matrix(neighbors, batch)


def _tensors(neighbors: NeighborList) -> dict[str, Tensor]:
    names = (
        ("neighbor_list", "neighbor_list_shifts", "edge_ptr")
        if isinstance(neighbors, CooList)
        else ("neighbor_matrix", "neighbor_matrix_shifts", "num_neighbors")
    )
    return {name: getattr(neighbors, name) for name in names}


def _check_coo(neighbors: CooList, batch: Batch) -> None:
    pairs, atoms = neighbors.neighbor_list, batch.num_atoms
    if pairs.numel() and (int(pairs.min()) < 0 or int(pairs.max()) >= atoms):
        raise _wrong(f"neighbor_list holds indices {int(pairs.min())}..{int(pairs.max())}", f"0..{atoms - 1}")
    i, j = pairs.unbind(1)
    if bool((i[1:] < i[:-1]).any()):
        raise _wrong("neighbor_list is not sorted by i", "rows in the order of their first column")
    counts = torch.bincount(i, minlength=atoms)
    if int(neighbors.edge_ptr[0]) != 0 or not torch.equal(neighbors.edge_ptr.diff().long(), counts):
        raise _wrong("edge_ptr does not point to the rows of neighbor_list", "edge_ptr[i+1] − edge_ptr[i] pairs of i")
    _check_systems(i, j, batch)
    _check_shifts(i, j, neighbors.neighbor_list_shifts, batch)
    _check_kind(i, j, neighbors.neighbor_list_shifts, neighbors)


def _check_matrix(neighbors: MatrixList, batch: Batch) -> None:
    matrix, atoms = neighbors.neighbor_matrix, batch.num_atoms
    check_capacity(neighbors)
    if bool((neighbors.num_neighbors < 0).any()):
        raise _wrong("num_neighbors holds a negative count", "counts from 0 to the width of the matrix")
    mask = filled(neighbors)
    if bool((matrix == -1).any()):
        raise _wrong(
            "neighbor_matrix is padded by -1", f"padding {atoms}, the atom count", "matrix[matrix == -1] = num_atoms"
        )
    inside = (matrix >= 0) & (matrix < atoms)
    if not torch.equal(inside, mask) or bool((matrix[~inside] != atoms).any()):
        raise _wrong(
            "neighbor_matrix and num_neighbors do not agree",
            f"num_neighbors[i] indices in 0..{atoms - 1} from the left of row i, then padding {atoms}",
        )
    rows, columns = mask.nonzero().unbind(1)
    found = matrix[rows, columns]
    _check_systems(rows, found, batch)
    shifts = neighbors.neighbor_matrix_shifts[rows, columns]
    _check_shifts(rows, found, shifts, batch)
    _check_kind(rows.to(found.dtype), found, shifts, neighbors)


def _check_systems(i: Tensor, j: Tensor, batch: Batch) -> None:
    if batch.num_systems > 1 and bool((batch.batch_idx[i.long()] != batch.batch_idx[j.long()]).any()):
        raise _wrong("a pair joins atoms of two systems", "pairs within one system")


def _check_shifts(i: Tensor, j: Tensor, shifts: Tensor, batch: Batch) -> None:
    """Refuse pairs that no structure has: an atom with itself, or with an image along a direction that is open."""
    if bool(((i == j) & (shifts == 0).all(1)).any()):
        raise _wrong("a pair of an atom with itself", "an atom and another one, or an image of it")
    images = shifts != 0
    if batch.pbc is not None:
        images &= ~batch.pbc[batch.batch_idx[i.long()]]
    if bool(images.any()):
        raise _wrong("a shift along a direction that is not periodic", "shifts of 0 there", "check pbc of the batch")


def _check_kind(i: Tensor, j: Tensor, shifts: Tensor, neighbors: NeighborList) -> None:
    """Refuse a list that says it is full and holds pairs once, or half and twice: energies would go wrong by two."""
    ahead = (i < j) | ((i == j) & above_zero(shifts))
    forward = int(ahead.sum())
    backward = ahead.shape[0] - forward
    if not neighbors.half_list and forward != backward:
        raise _wrong(
            f"a list that says it is full holds {forward} pairs one way (i < j) and {backward} the other",
            "each pair from both sides",
            "half_list=True, if it holds each pair once",
        )
    if neighbors.half_list and forward and backward:
        _check_once(torch.stack([i, j], dim=1), shifts, ahead)


def _check_once(pairs: Tensor, shifts: Tensor, ahead: Tensor) -> None:
    ahead = ahead[:, None]
    turned = torch.cat([torch.where(ahead, pairs, pairs.flip(1)), torch.where(ahead, shifts, -shifts)], dim=1)
    twice = turned.shape[0] - torch.unique(turned, dim=0).shape[0]
    if twice:
        raise _wrong(
            f"a list that says it is half holds {twice} pairs a second time",
            "each pair once",
            "half_list=False, if it holds each pair from both sides",
        )


def _wrong(found: str, expected: str, fix: str = "") -> NeighborError:
    fix = fix or "leave the list off the batch: the pipeline builds its own"
    return NeighborError(found, expected=expected, who="neighbor list", fix=fix)
