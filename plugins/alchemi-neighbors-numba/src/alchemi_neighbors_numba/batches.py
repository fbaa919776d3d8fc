"""The builder for batches of small systems: kernels search all of them in one call; the core builds what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.neighbors import building

if TYPE_CHECKING:
    from alchemi_core.data.batch import Batch
    from alchemi_core.neighbors.lists import CooList

FEWEST_SYSTEMS = 16
"""Smaller batches are left to the core: in hundreds of calls they would not save what numba takes to import."""


def build(batch: Batch, cutoff: float, skin: float) -> CooList:
    """Build the full list of all pairs with ``|d| < cutoff + skin``, sorted by i.

    The same pairs as `alchemi_core.neighbors.building.build` finds, which is called for batches of few systems and for
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
    if batch.num_systems < FEWEST_SYSTEMS:
        return building.build(batch, cutoff, skin)
    building.check_geometry(batch)
    from alchemi_neighbors_numba.assembling import assembled

    return assembled(batch, cutoff, skin)
