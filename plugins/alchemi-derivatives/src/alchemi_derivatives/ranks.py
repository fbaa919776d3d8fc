"""Ranks: the k-th atoms of all systems of a batch, which can be moved at once since systems do not meet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from alchemi_core.data.batch import Batch


def ranks(data: Batch, sizes: Sequence[int]) -> Iterator[tuple[Tensor, int]]:
    """Yield the k-th atoms of all systems, as indices, and an axis: x, y and z for each k.

    Parameters
    ----------
    data : Batch
        The systems.
    sizes : sequence of int
        How many atoms of each to count; 0 leaves a system out.
    """
    starts = torch.tensor(data.ptr[:-1], device=data.device)
    counts = torch.tensor(list(sizes), device=data.device)
    for rank in range(max(sizes, default=0)):
        atoms = starts[counts > rank] + rank
        for axis in range(3):
            yield atoms, axis
