"""From any list to exactly the list that a reader declared, in one pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core import CooList
from alchemi_core.neighbors import building, filtering, formats, halves
from alchemi_core.neighbors.adapting import NeighborToolkit, adapt, check_source
from alchemi_core.neighbors.distances import within
from alchemi_core.neighbors.selecting import select

if TYPE_CHECKING:
    from alchemi_core import Batch, MatrixList, NeighborConfig
    from torch import Tensor

CORE = NeighborToolkit(
    build=building.build,
    filter=filtering.filter_list,
    to_matrix=formats.to_matrix,
    to_coo=formats.to_coo,
    to_half=halves.to_half,
    to_full=halves.to_full,
)
"""The core's own conversions, one after the other, for lists that the pass below is not made for."""


def convert(source: CooList | MatrixList, batch: Batch, need: NeighborConfig, stale: bool) -> CooList | MatrixList:
    """Return exactly what a reader declared: its cutoff, format, kind, width and integer type, with no skin.

    Pairs keep the order of the source, and a list that is already right comes back itself.

    Parameters
    ----------
    source : CooList or MatrixList
        The list at hand; not to be changed.
    batch : Batch
        Positions and cells of now.
    need : NeighborConfig
        What the reader declared. Its skin is not looked at.
    stale : bool
        Whether atoms moved, within the skin, since the list was built.

    Raises
    ------
    NeighborError
        If the source does not reach the cutoff, is stale without a skin, belongs to other atoms or another device, or
        does not fit a fixed width.
    """
    check_source(source, batch, need, stale=stale)
    exact = not stale and source.skin == 0.0 and source.cutoff == need.cutoff
    halved = need.half_list and not source.half_list
    if exact or not halved or not isinstance(source, CooList) or need.format is not source.format:
        return adapt(source, batch, need, CORE, stale=stale)
    kept = select(source, keep(source, batch, need.cutoff), cutoff=need.cutoff, half_list=True, skin=0.0)
    return formats.with_index_dtype(kept, need.index_dtype)


# FILL IN: your kernel, and above the lists that it is made for; whether a pair is in must agree with `exact_squared`
# of alchemi_core.neighbors.distances to the last bit
def keep(source: CooList, batch: Batch, cutoff: float) -> Tensor:
    """Return which pairs of a full list are within the cutoff and in the half list: Tensor [E], bool."""
    i, j = source.neighbor_list.unbind(1)
    once = (i < j) | ((i == j) & halves.above_zero(source.neighbor_list_shifts))
    return once & within(source, batch, cutoff)
