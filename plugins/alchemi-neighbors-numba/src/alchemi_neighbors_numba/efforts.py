"""Which systems to search by trying all pairs, and which by the core's cell list: whatever takes less time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from alchemi_neighbors_numba.frames import FARTHEST, largest

if TYPE_CHECKING:
    from alchemi_neighbors_numba.frames import Flags, Floats, Frames

# Times in ns on one thread, fitted to crystals of 8 to 4000 atoms; only their ratios matter. Of the kernels: per atom,
# image of a pair of atoms that is tried, and pair found.
_PER_ATOM, _PER_IMAGE, _PER_PAIR = 400.0, 5.5, 4.5
# Of the core's builder: per system, atom, and pair.
_CORE_PER_SYSTEM, _CORE_PER_ATOM, _CORE_PER_PAIR = 350_000.0, 1000.0, 160.0


@attrs.frozen(eq=False)
class Efforts:
    """What it takes to try all pairs of atoms.

    Parameters
    ----------
    pairs : ndarray [B]
        About how many pairs each system has.
    chosen : ndarray [B], bool
        Where the core would take longer. What the core refuses is left to it, which says why.
    rows : ndarray [N], ns
        About how long each atom takes with those after it, on one thread; 0 where its system is not chosen.
    """

    pairs: Floats
    chosen: Flags
    rows: Floats


def efforts_of(frames: Frames, reach: float) -> Efforts:
    """Estimate what systems take; numbers of threads play no part, so that they do not decide what is built by whom.

    Parameters
    ----------
    frames : Frames
        The systems.
    reach : float, Å
        Largest distance of interest.
    """
    atoms = frames.sizes.astype(np.float64)
    pairs = atoms * atoms * _within_reach(frames, reach)
    per_atom = _PER_ATOM + _PER_PAIR * pairs / np.maximum(atoms, 1.0)
    per_other = _PER_IMAGE * frames.images
    times = atoms * (per_atom + 0.5 * atoms * per_other)
    core = _CORE_PER_SYSTEM + _CORE_PER_ATOM * atoms + _CORE_PER_PAIR * pairs
    farthest = largest(np.abs(frames.away).max(axis=0), frames.pointers)
    chosen = (atoms > 0) & (times < core) & (farthest <= FARTHEST)
    after = frames.pointers[1:][frames.systems] - np.arange(frames.systems.shape[0])
    return Efforts(
        pairs, chosen, chosen[frames.systems] * (per_atom[frames.systems] + after * per_other[frames.systems])
    )


def _within_reach(frames: Frames, reach: float) -> Floats:
    """Estimate how many images of an atom are near another: the sphere's share of a box around it, evenly filled."""
    share = np.full(frames.spans.shape[0], np.pi / 6.0)
    for places, spans in zip(frames.places, frames.spans.T, strict=True):
        extent = largest(places, frames.pointers) + largest(-places, frames.pointers)
        share *= np.where(spans > 0.0, 2.0 * spans, 2.0 * reach / np.maximum(extent, 2.0 * reach))
    return share
