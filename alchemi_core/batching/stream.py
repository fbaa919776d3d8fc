"""Stream: structures in, results out, in the same order, with a bounded look ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.batching.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ase import Atoms

    from alchemi_core.batching.candidate import Sorter
    from alchemi_core.batching.evaluated import Evaluated
    from alchemi_core.batching.evaluator import Evaluator

AHEAD, KINDS = 3.0, 8
"""Budgets that are read ahead for each kind of structures, of so many kinds at most, so that equals find each other."""

MOST_AHEAD = 8192
"""Structures that are read ahead, or whose results wait for those before them, at most."""


class Stream:
    """Structures on their way through an evaluator.

    Parameters
    ----------
    structures : iterable of ase.Atoms
        The input, finite or not.
    sorter : Sorter
        Tells kinds and costs.
    evaluator : Evaluator
        Evaluates batches.
    """

    def __init__(self, structures: Iterable[Atoms], sorter: Sorter, evaluator: Evaluator) -> None:
        self._source = enumerate(structures)
        self._sorter, self._evaluator = sorter, evaluator
        self._window = Window(padded=sorter.estimator.padded)
        self._done: dict[int, Evaluated] = {}
        self._ended = False
        self._broken: Exception | None = None

    def results(self) -> Iterator[Evaluated]:
        """Yield what comes of each structure, in the order of the input."""
        following = 0
        while self._read_ahead():
            found = self._evaluator.evaluate(self._window.take(self._evaluator.allowance.budget))
            self._done.update((one.index, one) for one in found)
            while following in self._done:
                yield self._done.pop(following)
                following += 1
        if self._broken is not None:
            raise self._broken

    def _read_ahead(self) -> bool:
        """Fill the window, and tell whether anything is in it."""
        while not self._ended and self._has_room():
            self._read()
        return len(self._window) > 0

    def _has_room(self) -> bool:
        share = self._evaluator.allowance.budget.share(self._window.cost)
        return (
            share < AHEAD * min(max(self._window.kinds, 1), KINDS) and len(self._window) + len(self._done) < MOST_AHEAD
        )

    def _read(self) -> None:
        """Read one structure; where the source breaks, results of what it gave before come first."""
        try:
            index, structure = next(self._source)
        except StopIteration:
            self._ended = True
        except Exception as error:  # noqa: BLE001 - raised as it is, once its turn has come
            self._ended, self._broken = True, error
        else:
            self._window.add(self._sorter.candidate(index, structure))
