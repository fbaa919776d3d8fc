"""From the list at hand to exactly the list a model asked for, by the cheapest chain of conversions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import attrs

from alchemi_core.errors import NeighborError
from alchemi_core.neighbors.config import NeighborListFormat
from alchemi_core.neighbors.filtering import too_short
from alchemi_core.neighbors.formats import with_index_dtype

if TYPE_CHECKING:
    from collections.abc import Callable

    from alchemi_core.data.batch import Batch
    from alchemi_core.neighbors.config import NeighborConfig
    from alchemi_core.neighbors.lists import CooList, MatrixList, NeighborList


class Convert(Protocol):
    """A conversion that keeps the layout."""

    def __call__(self, neighbors: NeighborList, /) -> NeighborList:
        """Convert."""
        ...


class Filter(Protocol):
    """Cutting a list down to a cutoff at the batch's positions."""

    def __call__(self, neighbors: NeighborList, batch: Batch, cutoff: float, /) -> NeighborList:
        """Keep pairs strictly below the cutoff."""
        ...


@attrs.frozen(kw_only=True)
class NeighborToolkit:
    """The functions that build and convert lists on one kind of device, chosen among what plugins offer.

    Parameters
    ----------
    build : callable
        ``build(batch, cutoff, skin) -> CooList``, full and sorted by i.
    filter : callable
        ``filter(list, batch, cutoff) -> list`` in the same layout, with skin 0.
    to_matrix, to_coo : callable
        ``to_matrix(list, width) -> MatrixList`` and ``to_coo(list) -> CooList``.
    to_half, to_full : callable
        ``to_half(list) -> list`` and ``to_full(list) -> list`` in the same layout.
    """

    build: Callable[[Batch, float, float], CooList]
    filter: Filter
    to_matrix: Callable[[NeighborList, int | None], MatrixList]
    to_coo: Callable[[NeighborList], CooList]
    to_half: Convert
    to_full: Convert


def adapt(
    source: NeighborList, batch: Batch, need: NeighborConfig, toolkit: NeighborToolkit, *, stale: bool
) -> NeighborList:
    """Turn a list into exactly what a reader declared: its cutoff, format and kind, with no skin.

    Pairs are dropped before any are written twice or padded, so that each conversion works on as few as possible.
    A list that is already right comes back as the same object.

    Parameters
    ----------
    source : CooList or MatrixList
        The list at hand.
    batch : Batch
        Positions of now.
    need : NeighborConfig
        What the reader declared.
    toolkit : NeighborToolkit
        Functions to convert with.
    stale : bool
        Whether atoms moved, within the skin, since the list was built.

    Raises
    ------
    NeighborError
        If the source does not reach the reader's cutoff, or is stale without a skin.
    """
    _check(source, need, stale=stale)
    result = source
    if need.format is NeighborListFormat.COO:
        result = toolkit.to_coo(result)
    if need.half_list and not result.half_list:
        result = toolkit.to_half(result)
    if stale or source.skin > 0.0 or need.cutoff < source.cutoff:
        result = toolkit.filter(result, batch, need.cutoff)
    if result.half_list and not need.half_list:
        result = toolkit.to_full(result)
    if need.format is NeighborListFormat.MATRIX:
        result = toolkit.to_matrix(result, need.width)
    return with_index_dtype(result, need.index_dtype)


def _check(source: NeighborList, need: NeighborConfig, *, stale: bool) -> None:
    if source.cutoff < need.cutoff:
        raise too_short(source.cutoff, need.cutoff)
    if stale and source.skin == 0.0:
        raise NeighborError(
            "a list without skin, made for other positions",
            expected="a list made for these positions, or one with a skin that covers how far atoms moved",
            who="neighbor list",
            fix="build a new list",
        )
