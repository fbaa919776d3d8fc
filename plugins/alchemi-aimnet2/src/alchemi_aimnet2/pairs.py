"""Neighbor matrices as aimnet reads them: one row more than there are atoms, for an atom that is not there.

Empty entries hold the number of atoms N, the place of that last atom; so they do in the lists of alchemi.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.neighbors.geometry import pair_vectors

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.view import ModelView
    from alchemi_core.neighbors.lists import MatrixList


@attrs.frozen(eq=False)
class Pairs:
    """Neighbors of all atoms.

    Parameters
    ----------
    matrix : Tensor [N + 1, K]
        Neighbors j of atom i in row i, N where empty; int32 on CUDA, int64 elsewhere.
    vectors : Tensor [N + 1, K, 3], Å
        From i to j, on the graph of positions and cell; finite and not zero where empty.
    """

    matrix: Tensor
    vectors: Tensor


def listed_pairs(view: ModelView, neighbors: MatrixList) -> Pairs:
    """Return the pairs of a list."""
    vectors = pair_vectors(view.positions, view.cell, neighbors, view.batch_idx)
    return Pairs(with_row(_indices(neighbors.neighbor_matrix), view.num_atoms), with_row(vectors, 1.0))


def all_pairs(view: ModelView) -> Pairs:
    """Return all pairs of atoms within each system, for systems that are not periodic."""
    matrix = _all_others(view)
    empty = matrix == view.num_atoms
    ends = view.positions.index_select(0, matrix.masked_fill(empty, 0).flatten()).unflatten(0, matrix.shape)
    vectors = (ends - view.positions[:, None]).masked_fill(empty[..., None], 1.0)
    return Pairs(with_row(_indices(matrix), view.num_atoms), with_row(vectors, 1.0))


def _indices(matrix: Tensor) -> Tensor:
    """Return indices in the type that suits the device: aimnet's CUDA kernel reads int32, CPU likes int64."""
    return matrix.to(torch.int32 if matrix.is_cuda else torch.int64)


def _all_others(view: ModelView) -> Tensor:
    """Return the matrix [N, K] of all other atoms of each atom's system."""
    ptr = torch.tensor(view.ptr, device=view.batch_idx.device)
    starts, ends = ptr[view.batch_idx], ptr[view.batch_idx + 1]
    own = torch.arange(view.num_atoms, device=ptr.device)
    widest = max((stop - start for start, stop in zip(view.ptr, view.ptr[1:], strict=False)), default=1)
    others = starts[:, None] + torch.arange(max(widest - 1, 0), device=ptr.device)
    others = others + (others >= own[:, None])
    return others.masked_fill(others >= ends[:, None], view.num_atoms)


def with_row(values: Tensor, fill: float) -> Tensor:
    """Append the row of the atom that is not there."""
    return torch.cat([values, values.new_full((1, *values.shape[1:]), fill)])
