"""Cutting a list down to a cutoff at the positions as they are now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.errors import NeighborError
from alchemi_core.neighbors.distances import within
from alchemi_core.neighbors.selecting import select

if TYPE_CHECKING:
    from alchemi_core.data.batch import Batch
    from alchemi_core.neighbors.lists import NeighborList


def filter_list(neighbors: NeighborList, batch: Batch, cutoff: float) -> NeighborList:
    """Keep the pairs strictly below a cutoff at the batch's current positions.

    The result is exact even if the list was built for other positions, as long as no atom moved more than half its
    skin since. Layout and kind stay the same.

    Parameters
    ----------
    neighbors : CooList or MatrixList
        The source list.
    batch : Batch
        Positions and cells of now.
    cutoff : float, Å
        At most that of the source.

    Raises
    ------
    NeighborError
        If the source does not reach that far, or belongs to another number of atoms.
    """
    if cutoff > neighbors.cutoff:
        raise too_short(neighbors.cutoff, cutoff)
    if neighbors.num_atoms != batch.num_atoms:
        raise other_atoms(neighbors.num_atoms, batch.num_atoms)
    keep = within(neighbors, batch, cutoff)
    return select(neighbors, keep, cutoff=cutoff, half_list=neighbors.half_list, skin=0.0)


def too_short(has: float, needed: float) -> NeighborError:
    """Return the error for a list that lacks pairs which its reader needs."""
    return NeighborError(
        f"a list with a cutoff of {has:g} Å for a reader that needs {needed:g} Å",
        expected=f"a cutoff of at least {needed:g} Å",
        who="neighbor list",
        fix="build the list with the larger cutoff, or leave it off the batch: the pipeline then builds its own",
    )


def other_atoms(listed: int, present: int) -> NeighborError:
    """Return the error for a list that was made for another number of atoms than the batch has."""
    return NeighborError(
        f"a list of {listed} atoms",
        expected=f"{present} atoms, as the batch",
        who="neighbor list",
        fix="build the list for this batch, or leave it off: the pipeline builds its own",
    )
