"""Routes: the cheapest chain of conversions from one kind of list to another, by cost per pair. No torch here."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

import attrs

from alchemi_core.errors import NeighborError
from alchemi_core.neighbors.config import NeighborListFormat

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from alchemi_core.neighbors.config import NeighborConfig

PADDING = 1.3
"""Entries of a matrix per pair: rows are as wide as the fullest, which in a liquid has some 30% more than the mean."""

REFERENCE_COSTS: Mapping[str, float] = {
    "builder": 200.0,
    "filter": 55.0,
    "to_matrix": 25.0,
    "to_coo": 30.0,
    "to_half": 17.0,
    "to_full": 110.0,
}
"""ns per pair of the core's own builder and converters on one core, for pairs of a liquid at 6 Å."""


@attrs.frozen
class ListKind:
    """A list as far as conversions are concerned.

    Parameters
    ----------
    format : NeighborListFormat
        COO or MATRIX.
    half_list : bool
        Each pair once, or twice.
    reach : float, Å
        How far its pairs go, skin included.
    exact : bool
        Whether it holds no pair but those that the reader is to see.
    """

    format: NeighborListFormat
    half_list: bool
    reach: float
    exact: bool

    @classmethod
    def wanted(cls, need: NeighborConfig) -> ListKind:
        """Kind of the list that a reader declared."""
        return cls(need.format, need.half_list, need.cutoff, exact=True)

    @property
    def entries(self) -> float:
        """Entries of its tensors, in units of the pairs of a full list of 1 Å."""
        padding = PADDING if self.format is NeighborListFormat.MATRIX else 1.0
        return self.reach**3 * padding * (0.5 if self.half_list else 1.0)


@attrs.frozen
class Route:
    """Conversions in order, by role, and what they cost in ns times the pairs of a full list of 1 Å."""

    roles: tuple[str, ...]
    cost: float


def cheapest_route(start: ListKind, goal: ListKind, costs: Mapping[str, float]) -> Route:
    """Find the cheapest chain of conversions.

    Every conversion costs its time per entry read; as it may only drop pairs, change the layout or the kind, the
    kinds form a small graph, on which Dijkstra's algorithm finds the shortest path.

    Parameters
    ----------
    start : ListKind
        The list at hand.
    goal : ListKind
        The list wanted; exact.
    costs : mapping of str to float, ns
        Time per entry read, by role; roles that are not in it are not used.

    Raises
    ------
    NeighborError
        If no chain of the given roles leads there.
    """
    open_routes: list[tuple[float, int, tuple[str, ...], ListKind]] = [(0.0, 0, (), start)]
    closed: set[ListKind] = set()
    while open_routes:
        cost, _, roles, kind = heappop(open_routes)
        if kind == goal:
            return Route(roles, cost)
        if kind in closed:
            continue
        closed.add(kind)
        for role, after in _conversions(kind, goal):
            if role in costs:
                heappush(open_routes, (cost + costs[role] * kind.entries, len(roles) + 1, (*roles, role), after))
    raise _no_route(start, goal, costs)


def _conversions(kind: ListKind, goal: ListKind) -> Iterator[tuple[str, ListKind]]:
    """What can be done to a list that is not yet the one wanted, and what comes of it.

    A full list for a full one is never halved on the way, though that can be cheaper: the order of pairs would change.
    """
    yield "convert", goal
    if not kind.exact:
        yield "filter", attrs.evolve(kind, reach=goal.reach, exact=True)
    if kind.half_list and not goal.half_list:
        yield "to_full", attrs.evolve(kind, half_list=False)
    if goal.half_list and not kind.half_list:
        yield "to_half", attrs.evolve(kind, half_list=True)
    if kind.format is NeighborListFormat.MATRIX:
        yield "to_coo", attrs.evolve(kind, format=NeighborListFormat.COO)
    else:
        yield "to_matrix", attrs.evolve(kind, format=NeighborListFormat.MATRIX)


def _no_route(start: ListKind, goal: ListKind, costs: Mapping[str, float]) -> NeighborError:
    return NeighborError(
        f"no conversion from {start.format.value} to {goal.format.value} among the roles {sorted(costs)}",
        expected="a 'convert' backend, or 'filter', 'to_matrix', 'to_coo', 'to_half' and 'to_full'",
        who="neighbor backends",
    )
