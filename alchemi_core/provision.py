"""Provision: the neighbor lists a plan calls for, brought by the batch, kept from before, or built now."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

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
    from alchemi_core.planning.plan import ExecutionPlan
    from alchemi_core.planning.planned_lists import PlannedList


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
        call = _Call(self, plan, batch)
        return tuple(call.make(planned) for planned in plan.lists)


class _Call:
    """The lists of one call: sources, made when first asked for, and all that has been made of them so far."""

    def __init__(self, provision: Provision, plan: ExecutionPlan, batch: Batch) -> None:
        self._toolkit, self._keeper, self._skin = provision.toolkit, provision.keeper, provision.skin
        self._plan, self._batch = plan, batch
        self._sources: dict[int, HeldList] = {}
        self._made: list[HeldList] = []

    def make(self, planned: PlannedList) -> NeighborList:
        """Make a list of whatever is at hand and takes least: its source, a brought list, or one made before."""
        need = planned.config
        goal = ListKind.wanted(need)
        candidates = _brought(self._batch, planned, self._plan) or [self._source(planned.source)]
        candidates += [held for held in self._made if held.neighbors.cutoff >= need.cutoff]

        def cost(held: HeldList) -> float:
            return self._toolkit.route(kind_of(held.neighbors, need, stale=not held.fresh), goal).cost

        chosen = min(candidates, key=cost) if len(candidates) > 1 else candidates[0]
        made = adapt(chosen.neighbors, self._batch, need, self._toolkit, stale=not chosen.fresh)
        self._made.append(HeldList(made, fresh=True))
        return made

    def _source(self, number: int) -> HeldList:
        """Return the pairs of a source, as far as its cutoff and perhaps further."""
        if number not in self._sources:
            self._sources[number] = self._get(number)
        return self._sources[number]

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
        held = self._source(parent)
        larger = held.neighbors
        if held.fresh:
            larger = attrs.evolve(larger, cutoff=larger.cutoff + larger.skin, skin=0.0)
        if larger.cutoff < cutoff + skin:
            return self._build(batch, cutoff, skin)
        cut = adapt(larger, batch, NeighborConfig(cutoff + skin), self._toolkit, stale=not held.fresh)
        return attrs.evolve(cut, cutoff=cutoff, skin=skin)  # type: ignore[return-value]  # COO is what was asked for


def _brought(batch: Batch, planned: PlannedList, plan: ExecutionPlan) -> list[HeldList]:
    """Return the lists that a batch brings and that reach far enough for the readers of a planned one."""
    need = planned.config.cutoff
    fitting = [HeldList(brought, fresh=True) for brought in batch.neighbors if brought.cutoff >= need]
    if fitting or not batch.neighbors:
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
