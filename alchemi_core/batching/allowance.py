"""Allowance: the budget of the next batch, as found so far by what batches took."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import attrs

from alchemi_core.batching.budget import Budget

if TYPE_CHECKING:
    from alchemi_core.batching.cost import Cost

ON_HOST = Budget(atoms=16_000, pairs=400_000)
"""Largest batches on a processor, of the cheapest models."""

ON_DEVICE = Budget(atoms=64_000_000, pairs=500_000_000)
"""Largest batches on an accelerator: a quarter of what int32 can count."""

FIRST = 1 / 64
"""Share of the largest batch on the host that the first one holds: what it takes is yet to be seen."""

ENOUGH = 0.5
"""Seconds of a batch from which nothing is gained on a processor by larger ones: what a call takes by itself is then a
percent, and values of learned potentials leave the caches; benchmarks/batching.py --sweep."""

IN_A_ROW = 2
"""Batches that must take so long one after the other: the first may have waited for packages to load or compile."""

TELLING = 0.5
"""Share of a budget from which a batch says something of what a full one takes."""

FASTER = 2.0
"""How much larger the next batch may be."""

HOST_SHARE, DEVICE_SHARE = 0.5, 0.8
"""Share of the free memory that a batch may take; others use that of the host too."""


@attrs.frozen
class Taken:
    """What a batch took.

    Parameters
    ----------
    seconds : float
        Time that the calling thread worked: other programs on the machine make it no longer.
    memory : int, bytes
        Most at any moment, or what it cannot have been more than.
    free : int or None, bytes
        What could have been taken; None where nobody knows.
    exact : bool
        Whether `memory` was measured. What a program took before hides what a batch takes, until that is more.
    """

    seconds: float
    memory: int
    free: int | None
    exact: bool = True


class Allowance:
    """The budget of the next batch.

    It starts small and grows as long as that pays and memory would hold more, up to a limit. Once a batch was too
    large, it is halved, and never grows again.

    Parameters
    ----------
    budget : Budget
        Of the first batch.
    most : Budget
        What it may grow to.
    enough : float, s
        Time of a batch from which it grows no more.
    share : float
        Share of the free memory that a batch may take.
    refused : bool
        Whether too much memory is refused, which mends itself; on a host a system may end the program instead.

    Attributes
    ----------
    budget : Budget
        Of the next batch.
    growing : bool
        Whether what a batch takes still matters.
    """

    def __init__(
        self,
        budget: Budget,
        most: Budget,
        *,
        enough: float = ENOUGH,
        share: float = HOST_SHARE,
        refused: bool = False,
    ) -> None:
        self.budget, self._most, self._enough, self._share, self._refused = budget, most, enough, share, refused
        self.growing = budget != most
        self._slow = 0

    @classmethod
    def of(cls, given: Budget | int | Allowance | None, device_type: str) -> Allowance:
        """Make the allowance of a call: what the user gave, which stays, or what grows to what pays and fits."""
        if isinstance(given, Allowance):
            return given
        if given is not None:
            fixed = Budget.of(given)
            return cls(fixed, fixed)
        first = ON_HOST.times(FIRST)
        if device_type == "cpu":
            return cls(first, ON_HOST)
        return cls(first, ON_DEVICE, enough=inf, share=DEVICE_SHARE, refused=True)

    def fitted(self, cost: Cost, taken: Taken) -> None:
        """Learn from a batch that fit, unless it was too small to tell."""
        share = self.budget.share(cost)
        if not self.growing or share < TELLING:
            return
        self._slow = self._slow + 1 if taken.seconds / share >= self._enough else 0
        pays = 1.0 if self._slow else FASTER
        fits = self._fits(taken, share)
        self.growing = fits >= FASTER and self._slow < IN_A_ROW
        self._set(self.budget.times(min(pays, fits)))

    def exceeded(self, cost: Cost) -> None:
        """Learn from a batch that was too large: half of it is allowed, and no more from now on."""
        self.growing = False
        share = self.budget.share(cost)
        if share > 0.0:
            self.budget = self.budget.times(min(1.0, share / 2))
        else:
            self.budget = Budget(atoms=max(1.0, cost.atoms / 2), systems=max(1.0, cost.systems / 2))

    def one_by_one(self) -> None:
        """Allow one structure at a time."""
        self.growing = False
        self.budget = attrs.evolve(self.budget, systems=1)

    def _fits(self, taken: Taken, share: float) -> float:
        """Return by what factor memory lets the budget grow, as far as it is known; `FASTER` at least where it is not.

        A batch that took so much in secret that the next one might take all that is free is taken for that much.
        """
        if taken.free is None:
            return FASTER
        harmless = self._refused or FASTER * taken.memory <= taken.free * share
        if not taken.exact and harmless:
            return FASTER
        return self._share * taken.free * share / max(taken.memory, 1)

    def _set(self, budget: Budget) -> None:
        most = self._most
        self.growing = self.growing and (budget.atoms < most.atoms or budget.pairs < most.pairs)
        self.budget = attrs.evolve(budget, atoms=min(budget.atoms, most.atoms), pairs=min(budget.pairs, most.pairs))
