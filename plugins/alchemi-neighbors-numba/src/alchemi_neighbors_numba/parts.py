"""Rows shared out over threads, so that each has about as many entries to look at."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from alchemi_neighbors_numba.layouts import Layout

T = TypeVar("T")

ENTRIES_PER_THREAD = 100_000
"""Below this a thread costs more time to start than it saves: measured, 0.1 ms against 5 ns per entry."""


class Part(NamedTuple):
    """Neighboring rows."""

    first: int
    last: int
    entries: int
    """At least as many as these rows have."""


def parts_of(layout: Layout, rows: int) -> list[Part]:
    """Divide the rows of a list over torch's threads; a short list is one part."""
    if layout.stored < 2 * ENTRIES_PER_THREAD:
        return [Part(0, rows, layout.stored)]
    ends = layout.pointers[1:] if layout.pitch < 0 else np.cumsum(layout.pointers)
    return divided(ends, min(torch.get_num_threads(), layout.stored // ENTRIES_PER_THREAD))


def divided(ends: NDArray[Any], parts: int) -> list[Part]:
    """Divide rows into at most so many parts of about the same size.

    Parameters
    ----------
    ends : ndarray [N]
        Sum of the sizes of all rows up to each, that one included; in a list that is not well formed they may shrink.
    parts : int
        At least 1.
    """
    rows = ends.shape[0]
    cuts = np.searchsorted(ends, [ends[-1] * k / parts for k in range(1, parts)]) + 1
    bounds = sorted({0, rows, *np.minimum(cuts, rows).tolist()})
    return [
        Part(first, last, max(0, int(ends[last - 1]) - (int(ends[first - 1]) if first else 0)))
        for first, last in pairwise(bounds)
    ]


def each(work: Callable[[int], T], parts: int) -> list[T]:
    """Do the work of each part, given by number, all at the same time; in this thread, where there is only one."""
    if parts == 1:
        return [work(0)]
    with ThreadPoolExecutor(parts - 1) as pool:
        others = [pool.submit(work, k) for k in range(1, parts)]
        return [work(0), *(other.result() for other in others)]
