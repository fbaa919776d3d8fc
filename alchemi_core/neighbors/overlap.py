"""Two atoms at one place: legal for builders, never a structure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.errors import GeometryError
from alchemi_core.neighbors.adapting import adapt
from alchemi_core.neighbors.config import NeighborConfig
from alchemi_core.neighbors.distances import squared_distances
from alchemi_core.neighbors.filtering import filter_list
from alchemi_core.neighbors.lists import CooList

if TYPE_CHECKING:
    from alchemi_core.data.batch import Batch
    from alchemi_core.neighbors.adapting import NeighborToolkit

OVERLAP = 1e-6
"""Å: two atoms closer than this are an error of the input, not a structure."""


FEW = 100_000
"""Pairs that the core filters in milliseconds: for these no backend is loaded, which can take seconds."""


def check_overlap(neighbors: CooList, batch: Batch, toolkit: NeighborToolkit) -> None:
    """Raise `GeometryError` that names two atoms, or an atom and its image, closer than 1e-6 Å.

    Parameters
    ----------
    neighbors : CooList
        A list made for the batch's positions.
    batch : Batch
        The structure.
    toolkit : NeighborToolkit
        Its conversions cut the list down to the overlaps, which are hardly ever any.
    """
    cutoff = min(OVERLAP, neighbors.cutoff)
    if neighbors.num_pairs <= FEW and neighbors.device.type == "cpu":
        close = filter_list(neighbors, batch, cutoff)
    else:
        close = adapt(neighbors, batch, NeighborConfig(cutoff), toolkit, stale=False)
    assert isinstance(close, CooList)  # the format of the source, and the one asked for
    if close.num_pairs == 0:
        return
    i, j = close.neighbor_list[0].tolist()
    shift = close.neighbor_list_shifts[0].tolist()
    image = f" (image {shift})" if any(shift) else ""
    system = int(batch.batch_idx[i])
    raise GeometryError(
        f"atoms {i} and {j}{image} of system {system} overlap: {_first_distance(close, batch):.2g} Å apart",
        expected=f"different atoms at least {OVERLAP:g} Å apart",
        who="positions",
        fix="remove the duplicate atom, or check the cell",
    )


def _first_distance(close: CooList, batch: Batch) -> float:
    return float(squared_distances(close, batch)[0].sqrt())
