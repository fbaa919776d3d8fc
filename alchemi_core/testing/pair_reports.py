"""What a failed check says: which pairs are missing, which are too many, and what usually causes that."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import attrs
import numpy as np

from alchemi_core.testing.failures import failure
from alchemi_core.testing.pair_tables import reverse, squared_lengths

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from alchemi_core.data.batch import Batch
    from alchemi_core.testing.pair_tables import Rows

_SHOWN = 3
_EDGE = 1e-6


@attrs.frozen(eq=False)
class Difference:
    """Two sets of pairs that should be one.

    Parameters
    ----------
    expected, missing, extra : Rows
        What the referee finds, and what is lacking and too much of it; with repeats.
    batch : Batch
        Positions that the distances belong to.
    cutoff : float, Å
        Pairs strictly closer than this were asked for.
    """

    expected: Rows
    missing: Rows
    extra: Rows
    batch: Batch
    cutoff: float

    @classmethod
    def between(cls, found: Rows, expected: Rows, batch: Batch, cutoff: float) -> Difference:
        """Compare as multisets."""
        have, want = (Counter(map(tuple, rows.tolist())) for rows in (found, expected))
        return cls(expected, _table(want - have), _table(have - want), batch, cutoff)

    def report(self, what: str) -> AssertionError:
        """Make the error that tells the two apart."""
        return failure(
            what,
            f"pairs missing: {len(self.missing)}, too many: {len(self.extra)}",
            expected=f"the {len(self.expected)} pairs that brute force finds",
            missing=self._sample(self.missing),
            extra=self._sample(self.extra),
            fix=next((text for applies, text in CAUSES if applies(self)), ""),
        )

    def lengths(self, rows: Rows) -> NDArray[np.float64]:
        """Return distances of pairs at the batch's positions, Å; NaN where an index names no atom."""
        lengths = np.full(len(rows), np.nan)
        known = ((rows[:, :2] >= 0) & (rows[:, :2] < self.batch.num_atoms)).all(axis=1)
        lengths[known] = np.sqrt(squared_lengths(rows[known], self.batch))
        return lengths

    def systems(self) -> NDArray[np.int64]:
        """Return the system of each atom."""
        systems: NDArray[np.int64] = self.batch.batch_idx.cpu().numpy()
        return systems

    def _sample(self, rows: Rows) -> str:
        shown = [
            f"({i}, {j}, S=({a}, {b}, {c})) at {length:.12g} Å"
            for (i, j, a, b, c), length in zip(rows[:_SHOWN].tolist(), self.lengths(rows[:_SHOWN]), strict=True)
        ]
        more = len(rows) - len(shown)
        return ", ".join(shown) + (f", and {more} more" if more else "")


def _table(counter: Counter[tuple[int, ...]]) -> Rows:
    return np.array(sorted(counter.elements()), dtype=np.int64).reshape(-1, 5)


def _unknown_atom(difference: Difference) -> bool:
    pairs = difference.extra[:, :2]
    return bool(((pairs < 0) | (pairs >= difference.batch.num_atoms)).any())


def _two_systems(difference: Difference) -> bool:
    systems = difference.systems()[difference.extra[:, :2]]
    return bool((systems[:, 0] != systems[:, 1]).any())


def _twice(difference: Difference) -> bool:
    return bool(len(difference.extra)) and _set(difference.extra) <= _set(difference.expected)


def _turned(difference: Difference) -> bool:
    return bool(len(difference.missing)) and _set(difference.missing) == _set(reverse(difference.extra))


def _both_directions(difference: Difference) -> bool:
    extra = _set(reverse(difference.extra))
    return bool(extra) and extra <= _set(difference.expected) and not len(difference.missing)


def _one_direction(difference: Difference) -> bool:
    missing, expected = _set(difference.missing), _set(difference.expected)
    present = _set(reverse(difference.missing)) & expected
    return bool(missing) and 2 * len(missing) == len(expected) and not missing & present


def _shifts_only(difference: Difference) -> bool:
    missing, extra = (Counter(map(tuple, r[:, :2].tolist())) for r in (difference.missing, difference.extra))
    return bool(missing) and missing == extra


def _own_images(difference: Difference) -> bool:
    missing = difference.missing
    return bool(len(missing)) and not len(difference.extra) and bool((missing[:, 0] == missing[:, 1]).all())


def _at_the_edge(difference: Difference) -> bool:
    lengths = difference.lengths(np.concatenate([difference.missing, difference.extra]))
    return bool((np.abs(lengths - difference.cutoff) <= _EDGE * difference.cutoff).all())


def _beyond(difference: Difference) -> bool:
    return bool(len(difference.extra)) and bool((difference.lengths(difference.extra) >= difference.cutoff).all())


def _further_images(difference: Difference) -> bool:
    """Whether what lacks are further images of atoms that are listed once."""
    if len(difference.extra) or not len(difference.missing):
        return False
    kept = _set(difference.expected) - _set(difference.missing)
    return _pairs(_set(difference.missing)) <= _pairs(kept)


def _set(rows: Rows) -> set[tuple[int, ...]]:
    return set(map(tuple, rows.tolist()))


def _pairs(rows: set[tuple[int, ...]]) -> set[tuple[int, ...]]:
    return {row[:2] for row in rows}


CAUSES: tuple[tuple[Callable[[Difference], bool], str], ...] = (
    (_unknown_atom, "indices name atoms that are not there: is padding written or read as a pair?"),
    (_two_systems, "atoms see those of another system: pairs stay within one value of batch_idx"),
    (_twice, "a pair is listed twice: images must be counted once each"),
    (_turned, "a half list keeps i < j, and of an atom's own images S whose first nonzero component is positive"),
    (_both_directions, "a half list holds one of (i, j, S) and (j, i, −S), of an atom's own images too"),
    (_one_direction, "a full list holds both (i, j, S) and (j, i, −S)"),
    (
        _shifts_only,
        "shifts refer to positions as given, wrapped or not: d = r_j − r_i + S @ cell, with lattice vectors as rows",
    ),
    (_own_images, "an atom neighbors its own images: i == j with S other than zero"),
    (
        _at_the_edge,
        "at the cutoff itself: |d| < cutoff strictly, measured in float64 with the roundings of "
        "neighbors.distances.exact_squared, none fused",
    ),
    (_beyond, "measure distances at the positions of now whenever the source has a skin, is stale, or reaches further"),
    (_further_images, "in a small cell the same two atoms are neighbors through several images"),
)
"""What may have gone wrong, in the order in which it is asked."""
