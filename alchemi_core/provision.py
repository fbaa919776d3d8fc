"""Provision: the neighbor lists a plan calls for, brought by the batch, kept from before, or built now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alchemi_core.errors import NeighborError
from alchemi_core.neighbors.adapting import NeighborToolkit, adapt
from alchemi_core.neighbors.config import NeighborConfig
from alchemi_core.neighbors.overlap import check_overlap
from alchemi_core.neighbors.validity import check_list

if TYPE_CHECKING:
    from alchemi_core.data.batch import Batch
    from alchemi_core.neighbors.lists import CooList, NeighborList
    from alchemi_core.neighbors.verlet import ListKeeper
    from alchemi_core.planning.plan import ExecutionPlan, PlannedList


@attrs.frozen(eq=False)
class Provision:
    """Gives each planned list to whoever reads it; every distinct cut is made once per call.

    Parameters
    ----------
    toolkit : NeighborToolkit
        Builder and converters for the device.
    keeper : ListKeeper, optional
        Lists of earlier calls; None builds at every call.
    skin : float, Å
        How much further kept lists reach.
    """

    toolkit: NeighborToolkit
    keeper: ListKeeper | None
    skin: float

    def lists(self, plan: ExecutionPlan, batch: Batch) -> tuple[NeighborList, ...]:
        """Return the lists of a plan for a batch, by number.

        Raises
        ------
        NeighborError
            If the batch brings lists and none of them reaches far enough for some reader.
        GeometryError
            If positions or cells describe no structure.
        """
        if not plan.lists:
            return ()
        for brought in batch.neighbors:
            check_list(brought, batch)
        cuts: dict[tuple[int, float], NeighborList] = {}
        latest: dict[int, tuple[NeighborList, bool]] = {}
        return tuple(self._list(plan, planned, batch, cuts, latest) for planned in plan.lists)

    def _list(
        self,
        plan: ExecutionPlan,
        planned: PlannedList,
        batch: Batch,
        cuts: dict[tuple[int, float], NeighborList],
        latest: dict[int, tuple[NeighborList, bool]],
    ) -> NeighborList:
        ready = _brought_as_needed(batch, planned.config)
        if ready is not None:
            return ready
        key = (planned.source, planned.config.cutoff)
        if key not in cuts:
            if planned.source not in latest:
                latest[planned.source] = self._source(plan.sources[planned.source], plan, planned, batch)
            source, exact = latest[planned.source]
            cuts[key] = adapt(source, batch, NeighborConfig(key[1]), self.toolkit, stale=not exact)
            latest[planned.source] = cuts[key], True
        return adapt(cuts[key], batch, planned.config, self.toolkit, stale=False)

    def _source(
        self, cutoff: float, plan: ExecutionPlan, planned: PlannedList, batch: Batch
    ) -> tuple[NeighborList, bool]:
        """Return a list that holds all pairs up to a cutoff, and whether it is exact at these positions."""
        if batch.neighbors:
            return _widest_enough(batch, planned.config.cutoff, plan, planned), True
        if self.keeper is None:
            return self._build(batch, cutoff, 0.0), True
        return self.keeper.get(batch, cutoff, self.skin, self._build)

    def _build(self, batch: Batch, cutoff: float, skin: float) -> CooList:
        built = self.toolkit.build(batch, cutoff, skin)
        check_overlap(built, batch)
        return built


def _brought_as_needed(batch: Batch, need: NeighborConfig) -> NeighborList | None:
    for brought in batch.neighbors:
        same = brought.cutoff == need.cutoff and brought.skin == 0.0
        if same and brought.format is need.format and brought.half_list is need.half_list:
            return brought
    return None


def _widest_enough(batch: Batch, cutoff: float, plan: ExecutionPlan, planned: PlannedList) -> NeighborList:
    fitting = [b for b in batch.neighbors if b.cutoff >= cutoff]
    if fitting:
        return min(fitting, key=lambda brought: brought.cutoff)
    had = ", ".join(f"{b.cutoff:g} Å" for b in batch.neighbors)
    readers = ", ".join(plan.labels[step] for step in planned.readers)
    raise NeighborError(
        f"the batch brings neighbor lists of {had}; {readers} needs {cutoff:g} Å",
        expected=f"a list with a cutoff of at least {cutoff:g} Å",
        who="batch.neighbors",
        fix="batch.with_neighbors() brings none, and the pipeline builds its own",
    )
