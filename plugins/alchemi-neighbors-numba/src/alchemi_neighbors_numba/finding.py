"""The search of small systems on several threads, each with systems that take about as long."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np
import torch

from alchemi_neighbors_numba.parts import Part, divided, each
from alchemi_neighbors_numba.searching import search

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from alchemi_neighbors_numba.efforts import Efforts
    from alchemi_neighbors_numba.frames import Frames

NS_PER_THREAD = 500_000.0
"""Work that is worth a thread, which takes 0.1 ms to start."""

_WORDS = 5


@attrs.frozen(eq=False)
class Found:
    """Pairs of some neighboring atoms with those after them, each in one direction.

    Parameters
    ----------
    counts : ndarray [N], int64
        Pairs of each atom of the batch, as the first one or as the second.
    words : list of (ndarray [5 R], int32, and int)
        i, j and S of one pair after the other, and how many pairs these are.
    """

    counts: NDArray[np.int64]
    words: list[tuple[NDArray[np.int32], int]]


def find(frames: Frames, efforts: Efforts, reach: float) -> list[Found]:
    """Find the pairs of the chosen systems, of which there is one at least.

    Parameters
    ----------
    frames : Frames
        All systems.
    efforts : Efforts
        Which are chosen, and what they take.
    reach : float, Å
        Pairs strictly closer are found.

    Returns
    -------
    list of Found
        One for each thread, in the order of atoms.
    """
    ends = np.cumsum(efforts.rows)
    parts = divided(ends, min(torch.get_num_threads(), 1 + int(ends[-1] / NS_PER_THREAD)))

    def work(part: int) -> Found:
        return _find_part(parts[part], float(parts[part].entries / ends[-1]), frames, efforts, reach)

    return each(work, len(parts))


def _find_part(part: Part, share: float, frames: Frames, efforts: Efforts, reach: float) -> Found:
    """Find the pairs of some atoms; where they do not fit into what was thought enough, go on in new memory."""
    sizes, chosen = frames.sizes, efforts.chosen
    most, room = int(sizes[chosen].max()), int((sizes * frames.images)[chosen].max())
    room += int(0.6 * share * efforts.pairs[chosen].sum())
    found, row = Found(np.zeros(frames.systems.shape[0], np.int64), []), part.first
    lists = (frames.systems, frames.pointers, *frames.places, *frames.fractions, *frames.away)
    while row < part.last:
        words = np.empty(_WORDS * room, np.int32)
        row, pairs = search(
            row, part.last, *lists, frames.cells, frames.spans, chosen, most, reach, found.counts, words
        )
        found.words.append((words, pairs))
    return found
