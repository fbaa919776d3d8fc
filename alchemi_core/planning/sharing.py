"""Sharing: which neighbor lists are built, and which are cut out of a larger one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alchemi_core.neighbors.config import NeighborConfig, NeighborListFormat
from alchemi_core.planning.plan import PlannedList
from alchemi_core.topology import MAX_CUTOFF_RATIO, NeighborAdaptation, PipelineSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alchemi_core.planning.flat import FlatStep


@attrs.frozen
class Sharing:
    """Lists to build (cutoffs in Å) and lists to hand out, by number; and the list of each step."""

    sources: tuple[float, ...]
    lists: tuple[PlannedList, ...]
    list_of_step: tuple[tuple[int, int], ...]


def share(steps: Sequence[FlatStep], settings: PipelineSettings) -> Sharing:
    """Decide which lists are built and who reads what.

    Under ``auto`` a list is cut out of a larger one when that one's cutoff is at most ``max_cutoff_ratio`` times its
    own: pair counts grow with the cube of the cutoff, so filtering a much larger list costs more than building.
    """
    policy = settings.neighbor_adaptation or "auto"
    ratio = MAX_CUTOFF_RATIO if settings.max_cutoff_ratio is None else settings.max_cutoff_ratio
    readers = _readers(steps)
    sources: list[float] = []
    lists = []
    for need in sorted(readers, key=lambda n: (-n.cutoff, n.format.value, n.half_list)):
        found = _source_for(need.cutoff, sources, policy, ratio)
        if found is None:
            sources.append(need.cutoff)
        source = len(sources) - 1 if found is None else found
        reason = _reason(need.cutoff, source, sources, policy, ratio, new=found is None)
        lists.append(PlannedList(config=need, source=source, readers=tuple(readers[need]), reason=reason))
    numbers = tuple((step, i) for i, planned in enumerate(lists) for step in planned.readers)
    return Sharing(tuple(sources), tuple(lists), numbers)


def _readers(steps: Sequence[FlatStep]) -> dict[NeighborConfig, list[int]]:
    readers: dict[NeighborConfig, list[int]] = {}
    for step in steps:
        if step.config.neighbor_config is not None:
            need = attrs.evolve(step.config.neighbor_config, skin=0.0)
            readers.setdefault(need, []).append(step.index)
    return readers


def _source_for(cutoff: float, sources: Sequence[float], policy: NeighborAdaptation, ratio: float) -> int | None:
    """Return the smallest source the policy allows; sources come in order of falling cutoff."""
    for number in reversed(range(len(sources))):
        exact = sources[number] == cutoff
        close = policy == "auto" and sources[number] <= ratio * cutoff
        if exact or close or policy == "always":
            return number
    return None


def _reason(
    cutoff: float, source: int, sources: Sequence[float], policy: NeighborAdaptation, ratio: float, *, new: bool
) -> str:
    larger = [other for other in sources if other > cutoff]
    if sources[source] != cutoff:
        return f"cut out of the {sources[source]:g} Å list"
    if not new:
        return f"made of the other {cutoff:g} Å list"
    if not larger:
        return ""
    if policy == "never":
        return "built, since the policy is never to share"
    times = (min(larger) / cutoff) ** 3
    return f"built: the {min(larger):g} Å list has about {times:.0f} times its pairs (ratio above {ratio:g})"


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
