"""One list of a whole batch, from the systems that kernels search and those that the core builds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from alchemi_core.neighbors.capacity import check_countable
from alchemi_core.neighbors.lists import CooList
from alchemi_neighbors_numba.finding import find
from alchemi_neighbors_numba.others import build_others
from alchemi_neighbors_numba.parts import each
from alchemi_neighbors_numba.searching import spread

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from alchemi_core.data.batch import Batch
    from alchemi_neighbors_numba.efforts import Efforts
    from alchemi_neighbors_numba.finding import Found
    from alchemi_neighbors_numba.frames import Frames


def assembled(batch: Batch, frames: Frames, efforts: Efforts, cutoff: float, skin: float) -> CooList:
    """Build the list of a batch whose geometry is sound; `build` says how.

    Parameters
    ----------
    batch, cutoff, skin
        As for `build`.
    frames, efforts
        Its systems, of which one at least is chosen.
    """
    found = find(frames, efforts, cutoff + skin)
    others = build_others(batch, ~efforts.chosen, cutoff, skin)
    counts = sum((one.counts for one in found), np.zeros(batch.num_atoms, np.int64))
    counts[others.atoms] = others.counts
    pointers = np.zeros(batch.num_atoms + 1, np.int64)
    np.cumsum(counts, out=pointers[1:])
    check_countable(int(pointers[-1]))
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


def _spread(
    found: list[Found], pointers: NDArray[np.int64], pairs: NDArray[np.int32], shifts: NDArray[np.int32]
) -> None:
    """Write what the kernels found; in each row, pairs of earlier atoms come first, whoever found them."""
    cursors = [pointers[:-1].copy()]
    for one in found[:-1]:
        cursors.append(cursors[-1] + one.counts)

    def work(part: int) -> None:
        for words, number in found[part].words:
            spread(words, number, cursors[part], pairs, shifts)

    each(work, len(found))
