"""Provision: the neighbor lists a plan calls for, brought by the batch, kept from before, or built now."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import attrs
import torch

from alchemi_core.errors import NeighborError
from alchemi_core.neighbors.adapting import NeighborToolkit, adapt, kind_of
from alchemi_core.neighbors.capacity import check_capacity
from alchemi_core.neighbors.config import NeighborConfig
from alchemi_core.neighbors.lists import MatrixList
from alchemi_core.neighbors.overlap import check_overlap
from alchemi_core.neighbors.routing import ListKind
from alchemi_core.neighbors.validity import check_list
from alchemi_core.neighbors.verlet import HeldList

if TYPE_CHECKING:
    from alchemi_core.data.batch import Batch
    from alchemi_core.neighbors.lists import CooList, NeighborList
    from alchemi_core.neighbors.verlet import ListKeeper
    from alchemi_core.planning.plan import ExecutionPlan, PlannedList


Candidate: TypeAlias = "tuple[NeighborList, bool]"
"""A list that another can be made of, and whether atoms moved since it was built."""


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
            If the batch brings lists and none of them reaches far enough for some reader, or a list does not fit the
            fixed width that its reader declared.
        GeometryError
            If positions or cells describe no structure.
        """
        if not plan.lists:
            return ()
        for brought in batch.neighbors:
            check_list(brought, batch)
        sources = _Sources(self, plan, batch)
        return tuple(self._list(planned, plan, batch, sources) for planned in plan.lists)

    def _list(self, planned: PlannedList, plan: ExecutionPlan, batch: Batch, sources: _Sources) -> NeighborList:
        """Make a list of whatever is at hand and takes least: its source, a brought list, or one made before."""
        goal = ListKind.wanted(planned.config)

        def cost(candidate: Candidate) -> float:
            neighbors, stale = candidate
            return self.toolkit.route(kind_of(neighbors, planned.config, stale=stale), goal).cost

        candidates = _brought(batch, planned, plan) if batch.neighbors else [sources.pairs(planned.source)]
        candidates += [(one, False) for one in sources.made if one.cutoff >= planned.config.cutoff]
        source, stale = min(candidates, key=cost) if len(candidates) > 1 else candidates[0]
        sources.made.append(adapt(source, batch, planned.config, self.toolkit, stale=stale))
        return sources.made[-1]


class _Sources:
    """The sources of one call, made when first asked for, and the lists made of each so far."""

    def __init__(self, provision: Provision, plan: ExecutionPlan, batch: Batch) -> None:
        self._toolkit, self._keeper, self._skin = provision.toolkit, provision.keeper, provision.skin
        self._plan, self._batch = plan, batch
        self._held: dict[int, HeldList] = {}
        self.made: list[NeighborList] = []

    def pairs(self, number: int) -> Candidate:
        """Return the pairs of a source, as far as its cutoff and perhaps further."""
        held = self._held_list(number)
        return held.neighbors, not held.fresh

    def _held_list(self, number: int) -> HeldList:
        if number not in self._held:
            self._held[number] = self._get(number)
        return self._held[number]

    def _get(self, number: int) -> HeldList:
        source = self._plan.sources[number]
        make = self._build if source.parent is None else partial(self._cut, source.parent)
        if self._keeper is None:
            return HeldList(make(self._batch, source.cutoff, 0.0), fresh=True)
        return self._keeper.get(self._batch, source.cutoff, self._skin, make)

    def _build(self, batch: Batch, cutoff: float, skin: float) -> CooList:
        built = self._toolkit.build(batch, cutoff, skin)
        check_overlap(built, batch, self._toolkit)
        return built

    def _cut(self, parent: int, batch: Batch, cutoff: float, skin: float) -> CooList:
        """Cut pairs, those of the skin included, out of a larger source; build them where it does not reach so far."""
        held = self._held_list(parent)
        larger = held.neighbors
        if held.fresh:
            larger = attrs.evolve(larger, cutoff=larger.cutoff + larger.skin, skin=0.0)
        if larger.cutoff < cutoff + skin:
            return self._build(batch, cutoff, skin)
        cut = adapt(larger, batch, NeighborConfig(cutoff + skin), self._toolkit, stale=not held.fresh)
        return attrs.evolve(cut, cutoff=cutoff, skin=skin)  # type: ignore[return-value]  # COO is what was asked for


def _brought(batch: Batch, planned: PlannedList, plan: ExecutionPlan) -> list[Candidate]:
    """Return the lists of the batch that reach far enough for the readers of a planned one."""
    need = planned.config.cutoff
    fitting: list[Candidate] = [(brought, False) for brought in batch.neighbors if brought.cutoff >= need]
    if fitting:
        return fitting
    had = ", ".join(f"{brought.cutoff:g} Å" for brought in batch.neighbors)
    readers = ", ".join(plan.labels[step] for step in planned.readers)
    raise NeighborError(
        f"the batch brings neighbor lists of {had}; {readers} needs {need:g} Å",
        expected=f"a list with a cutoff of at least {need:g} Å",
        who="batch.neighbors",
        fix="batch.with_neighbors() brings none, and the pipeline builds its own",
    )


def check_fixed_widths(plan: ExecutionPlan, lists: tuple[NeighborList, ...]) -> None:
    """Raise `NeighborError` if a matrix of fixed width on an accelerator has lost neighbors.

    There, converters do not wait to look; here the call is over, and its results are waited for anyway. While a CUDA
    graph is recorded nobody may look: whoever replays it calls `check_capacity` on the list.

    Parameters
    ----------
    plan : ExecutionPlan
        The plan that the lists were made for.
    lists : tuple of NeighborList
        Its lists, by number.
    """
    for planned, made in zip(plan.lists, lists, strict=True):
        if planned.config.width is None or not isinstance(made, MatrixList) or made.device.type != "cuda":
            continue
        if not torch.cuda.is_current_stream_capturing():
            check_capacity(made)
