"""The builder for batches of small systems: kernels search all of them in one call; the core builds what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.neighbors import building
from alchemi_neighbors_numba.efforts import efforts_of
from alchemi_neighbors_numba.frames import frames_of

if TYPE_CHECKING:
    from alchemi_core.data.batch import Batch
    from alchemi_core.neighbors.lists import CooList

FEWEST_SYSTEMS, FEWEST_ATOMS = 16, 500
"""Batches below both are left to the core: it would take hundreds of calls to save what numba takes to start."""


def build(batch: Batch, cutoff: float, skin: float) -> CooList:
    """Build the full list of all pairs with ``|d| < cutoff + skin``, sorted by i.

    The same pairs as `alchemi_core.neighbors.building.build` finds, which is called for batches of few atoms and for
    systems so large that its cell list is faster than trying all pairs. Which of the two serves a system depends on
    the batch and the reach alone, so that equal batches give equal lists.

    Parameters
    ----------
    batch : Batch
        On the CPU; any mix of crystals, slabs and molecules, whose atoms may lie outside their cell.
    cutoff : float, Å
        What readers may ask of the list.
    skin : float, Å
        How much further the list reaches.

    Raises
    ------
    GeometryError
        If a position or cell is not finite, a cell is singular along periodic directions, or an atom lies so many
        cells away that shifts do not fit int32.
    NeighborError
        If there are more pairs than int32 can count.
    """
    if batch.num_systems < FEWEST_SYSTEMS and batch.num_atoms < FEWEST_ATOMS:
        return building.build(batch, cutoff, skin)
    return search_or_build(batch, cutoff, skin)


def search_or_build(batch: Batch, cutoff: float, skin: float) -> CooList:
    """Build the list of any batch, each system in the way that takes less time; arguments and errors as for `build`."""
    building.check_geometry(batch)
    frames = frames_of(batch, cutoff + skin)
    efforts = efforts_of(frames, cutoff + skin)
    if not efforts.chosen.any():
        return building.build(batch, cutoff, skin)
    # Only now, since it starts numba.
    from alchemi_neighbors_numba.assembling import assembled

    return assembled(batch, frames, efforts, cutoff, skin)
