"""Neighbor lists of a plan: the pairs that are found, and the lists that are made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from alchemi_core.neighbors.config import NeighborConfig


@attrs.frozen
class PlannedSource:
    """Pairs up to a cutoff, kept between calls with a skin, from which the lists of that cutoff are made.

    Parameters
    ----------
    cutoff : float, Å
        As the readers declare it.
    parent : int, optional
        Number of the larger source it is cut out of; None where it is built from the positions.
    """

    cutoff: float
    parent: int | None = None


@attrs.frozen
class PlannedList:
    """A neighbor list: what it is, what it is made of, for whom, and why.

    Parameters
    ----------
    config : NeighborConfig
        Cutoff, format and kind.
    source : int
        Number of the source it comes from.
    readers : tuple of int
        Steps that read it.
    reason : str
        Why its pairs are built, or cut out of a larger list.
    route : tuple of str
        Conversions from the pairs of its source to the list, by role; a call takes a shorter way where another list
        of the call, or one that the batch brings, is nearer.
    """

    config: NeighborConfig
    source: int
    readers: tuple[int, ...]
    reason: str
    route: tuple[str, ...] = ()
