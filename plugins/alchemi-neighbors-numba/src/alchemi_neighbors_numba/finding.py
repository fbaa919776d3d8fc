"""The search of small systems on several threads, each with systems that take about as long."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np
import torch

from alchemi_neighbors_numba.parts import Part, divided, each
from alchemi_neighbors_numba.searching import WORDS, search

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from alchemi_neighbors_numba.efforts import Efforts
    from alchemi_neighbors_numba.frames import Frames

NS_PER_THREAD = 500_000.0
"""Work that is worth a thread, which takes 0.1 ms to start."""


@attrs.frozen(eq=False)
class Found:
    """Pairs of some systems, each in one of its two directions.

    Parameters
    ----------
    words : ndarray [5 or more times the pairs], int32
        i, j and S of one pair after the other.
    pairs : int
        How many there are.
    """

    words: NDArray[np.int32]
    pairs: int


def find(frames: Frames, efforts: Efforts, reach: float, counts: NDArray[np.int64]) -> list[list[Found]]:
    """Find the pairs of the chosen systems.

    Parameters
    ----------
    frames : Frames
        All systems.
    efforts : Efforts
        Which are chosen, and what they take.
    reach : float, Å
        Pairs strictly closer are found.
    counts : ndarray [N]
        Written for atoms of chosen systems: neighbors, both directions counted.

    Returns
    -------
    list of list of Found
        For each thread, what it found, in the order of systems.
    """
    ends = np.cumsum(np.where(efforts.chosen, efforts.times, 0.0))
    parts = divided(ends, min(torch.get_num_threads(), 1 + int(ends[-1] / NS_PER_THREAD)))

    def work(part: int) -> list[Found]:
        return _find_part(parts[part], frames, efforts, reach, counts)

    return each(work, len(parts))


def _find_part(part: Part, frames: Frames, efforts: Efforts, reach: float, counts: NDArray[np.int64]) -> list[Found]:
    """Find the pairs of some systems; where they do not fit into what was thought enough, go on in new memory."""
    rows = slice(part.first, part.last)
    room = 1024 + int(0.6 * efforts.pairs[rows][efforts.chosen[rows]].sum())
    most = int(np.diff(frames.pointers)[efforts.chosen].max())
    system, result = part.first, []
    while system < part.last:
        words = np.empty(WORDS * room, np.int32)
        system, pairs, needed = search(
            system,
            part.last,
            frames.pointers,
            efforts.chosen,
            *frames.places,
            *frames.fractions,
            *frames.away,
            frames.cells,
            frames.spans,
            reach,
            most,
            counts,
            words,
        )
        result.append(Found(words, pairs))
        room = max(room, needed)
    return result
