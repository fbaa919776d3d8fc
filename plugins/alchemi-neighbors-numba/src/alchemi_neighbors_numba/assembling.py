"""One list of a whole batch, from the systems that kernels search and those that the core builds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from alchemi_core.errors import NeighborError
from alchemi_core.neighbors import building
from alchemi_core.neighbors.lists import CooList
from alchemi_neighbors_numba.efforts import efforts_of
from alchemi_neighbors_numba.finding import find
from alchemi_neighbors_numba.frames import frames_of
from alchemi_neighbors_numba.others import build_others
from alchemi_neighbors_numba.parts import each
from alchemi_neighbors_numba.searching import spread

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from alchemi_core.data.batch import Batch
    from alchemi_neighbors_numba.finding import Found


def assembled(batch: Batch, cutoff: float, skin: float) -> CooList:
    """Build the list of a batch whose geometry is sound; `build` says how.

    Parameters
    ----------
    batch, cutoff, skin
        As for `build`.
    """
    reach = cutoff + skin
    frames = frames_of(batch, reach)
    efforts = efforts_of(frames, reach)
    if not efforts.chosen.any():
        return building.build(batch, cutoff, skin)
    counts = np.zeros(batch.num_atoms, np.int64)
    found = find(frames, efforts, reach, counts)
    others = build_others(batch, ~efforts.chosen, cutoff, skin)
    counts[others.atoms] = others.counts
    pointers = np.zeros(batch.num_atoms + 1, np.int64)
    np.cumsum(counts, out=pointers[1:])
    check_countable(int(pointers[-1]), reach)
    pairs, shifts = np.empty((pointers[-1], 2), np.int32), np.empty((pointers[-1], 3), np.int32)
    others.write(pointers, pairs, shifts)
    _spread(found, pointers, pairs.reshape(-1), shifts.reshape(-1))
    return CooList(
        cutoff=cutoff,
        half_list=False,
        skin=skin,
        neighbor_list=torch.from_numpy(pairs),
        neighbor_list_shifts=torch.from_numpy(shifts),
        edge_ptr=torch.from_numpy(pointers.astype(np.int32)),
    )


def check_countable(found: int, reach: float) -> None:
    """Raise `NeighborError` for more pairs than int32 can count.

    Parameters
    ----------
    found : int
        Number of pairs.
    reach : float, Å
        Where they were looked for.
    """
    if found > building.MAX_PAIRS:
        raise NeighborError(
            f"{found} pairs within {reach:g} Å",
            expected=f"at most {building.MAX_PAIRS}, the largest int32",
            who="neighbor list",
            fix="split the batch, or use a smaller cutoff",
        )


def _spread(
    found: list[list[Found]], pointers: NDArray[np.int64], pairs: NDArray[np.int32], shifts: NDArray[np.int32]
) -> None:
    """Write what the kernels found; each part of it belongs to other rows."""
    cursors = pointers[:-1].copy()

    def work(part: int) -> None:
        for one in found[part]:
            spread(one.words, one.pairs, cursors, pairs, shifts)

    each(work, len(found))
