"""Sharing: which neighbor lists are built, and which are cut out of a larger one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alchemi_core.neighbors.config import NeighborConfig, NeighborListFormat
from alchemi_core.neighbors.routing import ListKind, cheapest_route
from alchemi_core.planning.planned_lists import PlannedList, PlannedSource

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alchemi_core.planning.flat import FlatStep
    from alchemi_core.topology import PipelineSettings


@attrs.frozen
class Sharing:
    """Sources of pairs and lists to hand out, by number; and the list of each step."""

    sources: tuple[PlannedSource, ...]
    lists: tuple[PlannedList, ...]
    list_of_step: tuple[tuple[int, int], ...]


def share(steps: Sequence[FlatStep], settings: PipelineSettings, costs: Mapping[str, float]) -> Sharing:
    """Decide which pairs are built, which are cut out of a larger list, and how they become what steps read.

    Parameters
    ----------
    steps : sequence of FlatStep
        Steps that run.
    settings : PipelineSettings
        ``neighbor_adaptation`` and ``max_cutoff_ratio``.
    costs : mapping of str to float, ns
        Time per pair of builder and converters on the device, by role.
    """
    readers = _readers(steps)
    cutoffs = sorted({need.cutoff for need in readers}, reverse=True)
    verdicts = [_verdict(cutoff, cutoffs[:n], settings, costs) for n, cutoff in enumerate(cutoffs)]
    lists: list[PlannedList] = []
    for need in sorted(readers, key=lambda need: (-need.cutoff, need.format.value, need.half_list)):
        source = cutoffs.index(need.cutoff)
        route = cheapest_route(_pairs(need.cutoff), ListKind.wanted(need), costs).roles
        again = any(planned.source == source for planned in lists)
        reason = f"of the same {need.cutoff:g} Å pairs" if again else verdicts[source].reason
        lists.append(PlannedList(need, source, tuple(readers[need]), reason, route))
    numbers = tuple((step, i) for i, planned in enumerate(lists) for step in planned.readers)
    return Sharing(tuple(verdict.source for verdict in verdicts), tuple(lists), numbers)


@attrs.frozen
class _Verdict:
    """A source, and why it is what it is."""

    source: PlannedSource
    reason: str = ""


def _pairs(cutoff: float, *, exact: bool = True) -> ListKind:
    """Kind of the lists that sources are: pairs, full."""
    return ListKind(NeighborListFormat.COO, half_list=False, reach=cutoff, exact=exact)


def _readers(steps: Sequence[FlatStep]) -> dict[NeighborConfig, list[int]]:
    readers: dict[NeighborConfig, list[int]] = {}
    for step in steps:
        if step.config.neighbor_config is not None:
            need = attrs.evolve(step.config.neighbor_config, skin=0.0)
            readers.setdefault(need, []).append(step.index)
    return readers


def _verdict(
    cutoff: float, larger: Sequence[float], settings: PipelineSettings, costs: Mapping[str, float]
) -> _Verdict:
    """Decide whether the pairs of a cutoff are cut out of the next larger list, if there is one.

    Times are estimated from pair counts, which grow with the cube of the cutoff: a filter reads the larger list, a
    builder writes the smaller one.
    """
    built = PlannedSource(cutoff)
    if not larger:
        return _Verdict(built)
    policy, ratio, wide = settings.neighbor_adaptation or "auto", settings.max_cutoff_ratio, larger[-1]
    cut, shared = PlannedSource(cutoff, parent=len(larger) - 1), f"cut out of the {wide:g} Å pairs"
    if policy == "never":
        return _Verdict(built, "built, since the policy is never to share")
    if policy == "always":
        return _Verdict(cut, f"{shared}, since the policy is always to share")
    if ratio is not None and wide <= ratio * cutoff:
        return _Verdict(cut, f"{shared}, which max_cutoff_ratio={ratio:g} allows")
    if ratio is not None:
        return _Verdict(built, f"built: the {wide:g} Å pairs reach further than max_cutoff_ratio={ratio:g} allows")
    times = cheapest_route(_pairs(wide, exact=False), _pairs(cutoff), costs).cost / (costs["builder"] * cutoff**3)
    if times < 1.0:
        return _Verdict(cut, f"{shared}, cheaper than building it")
    return _Verdict(built, f"built: cutting it out of the {wide:g} Å pairs would cost about {times:.2g} times as much")


def merged_config(steps: Sequence[FlatStep]) -> NeighborConfig | None:
    """Return the one list that could serve all steps: largest cutoff and skin, MATRIX if any step wants it."""
    needs = [step.config.neighbor_config for step in steps if step.config.neighbor_config is not None]
    if not needs:
        return None
    matrix = any(need.format is NeighborListFormat.MATRIX for need in needs)
    return NeighborConfig(
        cutoff=max(need.cutoff for need in needs),
        format=NeighborListFormat.MATRIX if matrix else NeighborListFormat.COO,
        half_list=all(need.half_list for need in needs),
        skin=max(need.skin for need in needs),
    )
