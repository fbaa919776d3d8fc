"""Two atoms at one place: legal for builders, never a structure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.errors import GeometryError
from alchemi_core.neighbors.distances import squared_distances

if TYPE_CHECKING:
    from alchemi_core.data.batch import Batch
    from alchemi_core.neighbors.lists import CooList

OVERLAP = 1e-6
"""Å: two atoms closer than this are an error of the input, not a structure."""


def check_overlap(neighbors: CooList, batch: Batch) -> None:
    """Raise `GeometryError` that names two atoms, or an atom and its image, closer than 1e-6 Å.

    Parameters
    ----------
    neighbors : CooList
        A list made for the batch's positions.
    batch : Batch
        The structure.
    """
    if neighbors.num_pairs == 0:
        return
    squared = squared_distances(neighbors, batch)
    shortest, pair = squared.min(0)
    if float(shortest) >= OVERLAP * OVERLAP:
        return
    i, j = neighbors.neighbor_list[pair].tolist()
    shift = neighbors.neighbor_list_shifts[pair].tolist()
    image = f" (image {shift})" if any(shift) else ""
    system = int(batch.batch_idx[i])
    raise GeometryError(
        f"atoms {i} and {j}{image} of system {system} overlap: {float(shortest) ** 0.5:.2g} Å apart",
        expected=f"different atoms at least {OVERLAP:g} Å apart",
        who="positions",
        fix="remove the duplicate atom, or check the cell",
    )
