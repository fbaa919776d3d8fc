"""What a step sees as systems of metatomic, with the neighbor lists that a model asked for."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch

from alchemi_core.neighbors.geometry import pair_vectors
from alchemi_metatomic.upstream import Labels, System, TensorBlock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from alchemi_core.data.view import ModelView

SAMPLES = ["first_atom", "second_atom", "cell_shift_a", "cell_shift_b", "cell_shift_c"]


def systems_of(view: ModelView, lists: Sequence[Any], dtype: torch.dtype) -> list[Any]:
    """Return the systems of a view, positions, cells and pair vectors on its graph.

    Parameters
    ----------
    view : ModelView
        With a list from which all those asked for can be taken.
    lists : sequence of NeighborListOptions
        Asked for by the model.
    dtype : torch.dtype
        Its precision.
    """
    zeros = view.positions.new_zeros(view.num_systems, 3, 3)
    cell = zeros if view.cell is None else view.cell
    pbc = zeros[:, 0].bool() if view.pbc is None else view.pbc
    # a cell without a period is none to metatomic
    cell = torch.where(pbc[:, :, None], cell, 0.0).to(dtype)
    systems = [
        System(
            types=view.atomic_numbers[start:stop].to(torch.int32),
            positions=view.positions[start:stop].to(dtype),
            cell=cell[number],
            pbc=pbc[number],
        )
        for number, (start, stop) in enumerate(pairwise(view.ptr))
    ]
    for options in lists:
        _add_list(systems, view, options, dtype)
    return systems


def _add_list(systems: Sequence[Any], view: ModelView, options: Any, dtype: torch.dtype) -> None:
    """Add to each system its own pairs of a list."""
    pairs, vectors = view.neighbors, pair_vectors(view.positions, view.cell, view.neighbors, view.batch_idx)
    rows = torch.cat([pairs.neighbor_list, pairs.neighbor_list_shifts], dim=1).long()
    keep = vectors.detach().square().sum(1) < options.engine_cutoff("angstrom") ** 2
    if not options.full_list and not pairs.half_list:
        keep = keep & _once(rows)
    chosen = keep.nonzero().flatten()
    rows, vectors = rows.index_select(0, chosen), vectors.index_select(0, chosen).to(dtype)
    owners = view.batch_idx.index_select(0, rows[:, 0])
    counts = torch.bincount(owners, minlength=view.num_systems).tolist()
    parts = zip(systems, rows.split(counts), vectors.split(counts), view.ptr, strict=False)
    for system, own, displacements, start in parts:
        system.add_neighbor_list(options, _block(own, displacements, start))


def _once(rows: Tensor) -> Tensor:
    """Tell which pairs to keep of a list in both directions: Tensor [E], bool. Of an atom and its image the first."""
    i, j, *shifts = rows.unbind(1)
    a, b, c = shifts
    first = (a > 0) | ((a == 0) & ((b > 0) | ((b == 0) & (c > 0))))
    return (i < j) | ((i == j) & first)


def _block(rows: Tensor, vectors: Tensor, start: int) -> Any:
    """Return pairs as metatomic has them, atoms counted within their system."""
    samples = rows - rows.new_tensor([start, start, 0, 0, 0])
    device = rows.device
    return TensorBlock(
        values=vectors.unsqueeze(2),
        samples=Labels(SAMPLES, samples, assume_unique=True),
        components=[Labels(["xyz"], torch.arange(3, device=device)[:, None])],
        properties=Labels(["distance"], torch.zeros(1, 1, dtype=torch.int64, device=device)),
    )
