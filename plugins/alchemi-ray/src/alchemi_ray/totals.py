"""Totals: sums over the ledger."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from alchemi_ray.ledger import Line


@attrs.frozen
class Totals:
    """What is done so far.

    Parameters
    ----------
    done, failed, not_converged, atoms : int
        Structures with results, without; relaxations that did not converge; atoms in structures with results.
    seconds : float
        Time of all workers.
    errors : mapping of str to int
        How many failures of each class.
    """

    done: int = 0
    failed: int = 0
    not_converged: int = 0
    atoms: int = 0
    seconds: float = 0.0
    errors: Mapping[str, int] = attrs.field(factory=dict)

    @property
    def structures(self) -> int:
        """Structures that are answered for."""
        return self.done + self.failed

    def plus(self, line: Line) -> Totals:
        """Return those with another shard."""
        return Totals(
            self.done + line.done,
            self.failed + line.failed,
            self.not_converged + line.not_converged,
            self.atoms + line.atoms,
            self.seconds + line.seconds,
            dict(Counter(self.errors) + Counter(line.errors)),
        )

    @classmethod
    def of(cls, lines: Iterable[Line]) -> Totals:
        """Add up a ledger."""
        totals = cls()
        for line in lines:
            totals = totals.plus(line)
        return totals

    def described(self) -> dict[str, Any]:
        """Return them as ``run.json`` has them."""
        return attrs.asdict(self)
