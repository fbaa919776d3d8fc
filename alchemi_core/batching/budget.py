"""Budget: how much one batch may hold."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import attrs

from alchemi_core.errors import OptionError

if TYPE_CHECKING:
    from alchemi_core.batching.cost import Cost


def _at_least_one(_instance: Budget, attribute: attrs.Attribute[float], value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 1:
        raise OptionError(f"{attribute.name}={value!r}", expected="a number, 1 or more", who="Budget")


@attrs.frozen
class Budget:
    """How much one batch may hold. A structure that is larger is a batch of its own.

    Parameters
    ----------
    atoms : float
        Most atoms.
    pairs : float
        Most pairs of atoms within the cutoffs, as estimated by `alchemi_core.batching.cost`.
    systems : float
        Most structures.

    Raises
    ------
    OptionError
        If one of them is no number, or less than 1.

    Examples
    --------
    >>> Budget(atoms=1000, pairs=50_000).times(0.5)
    Budget(atoms=500.0, pairs=25000.0, systems=inf)
    """

    atoms: float = attrs.field(default=inf, validator=_at_least_one)
    pairs: float = attrs.field(default=inf, validator=_at_least_one)
    systems: float = attrs.field(default=inf, validator=_at_least_one)

    @classmethod
    def of(cls, given: Budget | int) -> Budget:
        """Read what a caller gave: a budget, or a number of atoms.

        Raises
        ------
        OptionError
            If it is neither.
        """
        if isinstance(given, Budget):
            return given
        if isinstance(given, bool) or not isinstance(given, int):
            fix = "Budget(atoms=2000, pairs=100_000), or evaluate(..., budget=2000)"
            raise OptionError(f"budget={given!r}", expected="a Budget, or a number of atoms", who="evaluate", fix=fix)
        return cls(atoms=given)

    def times(self, factor: float) -> Budget:
        """Return a budget that is larger or smaller by a factor, never below one of anything."""
        return Budget(*(max(1.0, factor * most) for most in (self.atoms, self.pairs, self.systems)))

    def share(self, cost: Cost) -> float:
        """Return which share of the budget something takes: 1 where it is used up."""
        return max(cost.atoms / self.atoms, cost.pairs / self.pairs, cost.systems / self.systems)
