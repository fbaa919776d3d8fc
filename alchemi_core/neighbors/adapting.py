"""From the list at hand to exactly the list a model asked for, by the cheapest chain of conversions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import attrs

from alchemi_core.errors import DeclarationError, NeighborError
from alchemi_core.frozenmap import FrozenMap, freeze
from alchemi_core.neighbors.filtering import other_atoms, too_short
from alchemi_core.neighbors.formats import to_matrix, with_index_dtype
from alchemi_core.neighbors.lists import MatrixList
from alchemi_core.neighbors.routing import REFERENCE_COSTS, ListKind, Route, cheapest_route

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from alchemi_core.data.batch import Batch
    from alchemi_core.neighbors.config import NeighborConfig
    from alchemi_core.neighbors.lists import CooList, NeighborList


class Relabel(Protocol):
    """A conversion that keeps the layout."""

    def __call__(self, neighbors: NeighborList, /) -> NeighborList:
        """Convert."""
        ...


class Filter(Protocol):
    """Cutting a list down to a cutoff at the batch's positions."""

    def __call__(self, neighbors: NeighborList, batch: Batch, cutoff: float, /) -> NeighborList:
        """Keep pairs strictly below the cutoff."""
        ...


class Convert(Protocol):
    """All conversions in one pass."""

    def __call__(self, neighbors: NeighborList, batch: Batch, need: NeighborConfig, stale: bool, /) -> NeighborList:  # noqa: FBT001
        """Return exactly the list that a reader declared."""
        ...


def _fused(instance: NeighborToolkit, _attribute: attrs.Attribute[Any], costs: Mapping[str, float]) -> None:
    if ("convert" in costs) != (instance.convert is not None):
        raise DeclarationError(
            f"costs of {sorted(costs)}, convert={instance.convert!r}",
            expected="a cost of 'convert' exactly where there is such a function",
            who="NeighborToolkit",
        )


@attrs.frozen(kw_only=True, eq=False)
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
    convert : callable, optional
        ``convert(list, batch, need, stale) -> list``: all of these in one pass.
    costs : mapping of str to float, ns
        Time per pair of each, by role.
    """

    build: Callable[[Batch, float, float], CooList]
    filter: Filter
    to_matrix: Callable[[NeighborList, int | None], MatrixList]
    to_coo: Callable[[NeighborList], CooList]
    to_half: Relabel
    to_full: Relabel
    convert: Convert | None = None
    costs: Mapping[str, float] = attrs.field(default=FrozenMap(REFERENCE_COSTS), converter=freeze, validator=_fused)
    _routes: dict[tuple[ListKind, ListKind], Route] = attrs.field(factory=dict, init=False)

    def route(self, start: ListKind, goal: ListKind) -> Route:
        """Return the cheapest chain of conversions; found once and kept."""
        found = self._routes.get((start, goal))
        if found is None:
            found = self._routes.setdefault((start, goal), cheapest_route(start, goal, self.costs))
        return found


def adapt(
    source: NeighborList, batch: Batch, need: NeighborConfig, toolkit: NeighborToolkit, *, stale: bool
) -> NeighborList:
    """Turn a list into exactly what a reader declared: its cutoff, format, kind, width and type, with no skin.

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
        If the source does not reach the reader's cutoff, is stale without a skin, or does not fit a fixed width.
    """
    check_source(source, batch, need, stale=stale)
    result = source
    for role in toolkit.route(kind_of(source, need, stale=stale), ListKind.wanted(need)).roles:
        result = _converted(role, result, batch, need, toolkit, stale=stale)
    if isinstance(result, MatrixList) and not has_layout(result, need):
        result = toolkit.convert(result, batch, need, False) if toolkit.convert else to_matrix(result, need.width)
    return with_index_dtype(result, need.index_dtype)


def kind_of(source: NeighborList, need: NeighborConfig, *, stale: bool) -> ListKind:
    """Return what a list is to a reader; arguments as for `adapt`."""
    exact = not stale and source.skin == 0.0 and source.cutoff == need.cutoff
    return ListKind(source.format, source.half_list, source.cutoff + source.skin, exact)


def has_layout(source: NeighborList, need: NeighborConfig) -> bool:
    """Tell whether a list has the format, kind and width that a reader declared, whatever its pairs and integers."""
    if source.format is not need.format or source.half_list is not need.half_list:
        return False
    return not isinstance(source, MatrixList) or need.width in (None, source.neighbor_matrix.shape[1])


def _converted(
    role: str, neighbors: NeighborList, batch: Batch, need: NeighborConfig, toolkit: NeighborToolkit, *, stale: bool
) -> NeighborList:
    if role == "convert" and toolkit.convert is not None:
        # what has been filtered on the way is of these positions, and says so by its cutoff and skin
        return toolkit.convert(neighbors, batch, need, stale and neighbors.skin > 0.0)
    if role == "filter":
        return toolkit.filter(neighbors, batch, need.cutoff)
    if role == "to_matrix":
        # pairs that are yet to be dropped or doubled say nothing of a fixed width
        done = neighbors.cutoff == need.cutoff and neighbors.skin == 0.0 and neighbors.half_list is need.half_list
        return toolkit.to_matrix(neighbors, need.width if done else None)
    convert: Relabel = getattr(toolkit, role)
    return convert(neighbors)


def check_source(source: NeighborList, batch: Batch, need: NeighborConfig, *, stale: bool) -> None:
    """Raise `NeighborError` where a list cannot serve a reader; arguments as for `adapt`."""
    if source.cutoff < need.cutoff:
        raise too_short(source.cutoff, need.cutoff)
    if source.num_atoms != batch.num_atoms:
        raise other_atoms(source.num_atoms, batch.num_atoms)
    if source.device != batch.device:
        raise NeighborError(
            f"a list on {source.device}",
            expected=f"{batch.device}, as the batch",
            who="neighbor list",
            fix="batch.to(device) moves a batch; its lists are built where it is",
        )
    if stale and source.skin == 0.0:
        raise NeighborError(
            "a list without skin, made for other positions",
            expected="a list made for these positions, or one with a skin that covers how far atoms moved",
            who="neighbor list",
            fix="build a new list",
        )
