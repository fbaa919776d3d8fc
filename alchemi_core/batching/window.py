"""Window: structures that were read ahead, from which batches are put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.batching.cost import Cost

if TYPE_CHECKING:
    from alchemi_core.batching.budget import Budget
    from alchemi_core.batching.candidate import Candidate, Kind

FULL = 0.98
"""Share of a budget from which a batch is closed: what would still fit is not worth looking for."""


class Window:
    """Structures that were read ahead, by kind, in the order of the input.

    Parameters
    ----------
    padded : bool
        Whether structures with about as many neighbors should share a batch, since lists are padded to the most.
    """

    def __init__(self, *, padded: bool) -> None:
        self._padded = padded
        self._kinds: dict[Kind, list[Candidate]] = {}
        self._count = 0
        self.cost = Cost()

    def __len__(self) -> int:
        return self._count

    @property
    def kinds(self) -> int:
        """How many kinds of structures there are."""
        return len(self._kinds)

    def add(self, candidate: Candidate) -> None:
        """Take in one more, later in the input than all others."""
        self._kinds.setdefault(candidate.kind, []).append(candidate)
        self.cost += candidate.cost
        self._count += 1

    def take(self, budget: Budget) -> list[Candidate]:
        """Take out the next batch: the oldest structure, and others of its kind as long as the budget lasts."""
        kind = min(self._kinds, key=lambda one: self._kinds[one][0].index)
        oldest, *others = self._kinds[kind]
        if self._padded:
            others.sort(key=lambda one: abs(one.cost.density - oldest.cost.density))
        batch, total = [oldest], oldest.cost
        for one in others:
            if budget.share(total) >= FULL:
                break
            if budget.share(total + one.cost) <= 1.0:
                batch.append(one)
                total += one.cost
        self._remove(kind, batch)
        return sorted(batch, key=lambda one: one.index)

    def _remove(self, kind: Kind, batch: list[Candidate]) -> None:
        gone = {one.index for one in batch}
        rest = [one for one in self._kinds.pop(kind) if one.index not in gone]
        if rest:
            self._kinds[kind] = rest
        self._count -= len(batch)
        for one in batch:
            self.cost += Cost(-one.cost.atoms, -one.cost.pairs, -one.cost.systems)
