"""From any list to exactly what a reader asks for, in one pass that chooses pairs and one that writes them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from alchemi_core.neighbors.adapting import check_source, has_layout, kind_of
from alchemi_core.neighbors.formats import with_index_dtype

if TYPE_CHECKING:
    from collections.abc import Callable

    from alchemi_core.data.batch import Batch
    from alchemi_core.neighbors.config import NeighborConfig
    from alchemi_core.neighbors.lists import NeighborList


def convert(source: NeighborList, batch: Batch, need: NeighborConfig, stale: bool) -> NeighborList:  # noqa: FBT001
    """Return exactly what a reader asks for: its cutoff, layout, kind, width and integer type, with no skin.

    Distances are taken, in float64 and with the roundings of the core's `exact_squared`, where the list may hold pairs
    beyond the cutoff. Rows keep the order of the source; where a half list becomes full, a row's new pairs follow, in
    the order of their first atoms. The result does not depend on the number of threads.

    Parameters
    ----------
    source : CooList or MatrixList
        The list at hand, on the CPU; a list that is already right comes back itself.
    batch : Batch
        Positions and cells of now.
    need : NeighborConfig
        What the reader asks for. Its skin is not looked at.
    stale : bool
        Whether atoms moved, within the skin, since the list was built.

    Raises
    ------
    NeighborError
        If the source does not reach the cutoff, is stale without a skin, belongs to other atoms or is not well formed,
        or if the result does not fit its width or its integer type.
    """
    check_source(source, batch, need, stale=stale)
    measured = not kind_of(source, need, stale=stale).exact
    if not measured and has_layout(source, need):
        return with_index_dtype(source, need.index_dtype)
    return _passes()(source, batch, need, measured=measured)


@cache
def _passes() -> Callable[..., NeighborList]:
    """Import the kernels. numba takes most of a second to start: whoever needs no conversion does not wait for it."""
    from alchemi_neighbors_numba.passes import converted

    return converted
