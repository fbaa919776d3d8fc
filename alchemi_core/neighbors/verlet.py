"""Reuse of lists between calls, until an atom has moved more than half the skin or anything else changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.neighbors.lists import CooList, NeighborList

# The displacement is measured in the dtype of the batch; float32 rounds it by less than this.
_ROUNDING = 1e-6


@attrs.frozen(eq=False)
class HeldList:
    """A list and what is known of it.

    Parameters
    ----------
    neighbors : CooList or MatrixList
        Holds all pairs within its cutoff.
    fresh : bool
        Whether it was made for exactly the positions of now, so that it reaches as far as cutoff and skin say.
    """

    neighbors: NeighborList
    fresh: bool


@attrs.frozen(eq=False)
class _Snapshot:
    """A list with a copy of everything it was built from. Copies, so that tensors changed in place are noticed."""

    positions: Tensor
    frame: tuple[Tensor, ...]
    neighbors: CooList
    versions: tuple[int, ...]

    @classmethod
    def of(cls, batch: Batch, neighbors: CooList) -> _Snapshot:
        frame = tuple(part.clone() for part in _frame(batch))
        return cls(batch.positions.detach().clone(), frame, neighbors, neighbors.versions)

    def squared_displacement(self, batch: Batch) -> float | None:
        """Square of the longest way an atom moved, Å²; NaN if a position is, None if anything but positions changed.

        The list itself too: readers get the very tensors that are kept, and one of them may have written into them.
        """
        old, new = (self.positions, *self.frame), (batch.positions.detach(), *_frame(batch))
        if self.neighbors.versions != self.versions or len(old) != len(new) or not all(map(_comparable, old, new)):
            return None
        squared = _longest_squared(new[0] - old[0])
        if squared.device.type == "cpu":
            return float(squared) if all(map(torch.equal, old[1:], new[1:])) else None
        # One reduction, so that the device is waited for once.
        differ = [(then != now).any().to(squared.dtype) for then, now in zip(old[1:], new[1:], strict=True)]
        longest, *changed = torch.stack([squared, *differ]).tolist()
        return None if any(changed) else longest


def _frame(batch: Batch) -> tuple[Tensor, ...]:
    """What makes a list useless when it changes, however little: atoms per system, and cells and pbc where given."""
    return tuple(part.detach() for part in (batch.batch_idx, batch.cell, batch.pbc) if part is not None)


def _comparable(old: Tensor, new: Tensor) -> bool:
    return old.shape == new.shape and old.dtype == new.dtype and old.device == new.device


def _longest_squared(moved: Tensor) -> Tensor:
    if moved.shape[0] == 0:
        return moved.new_zeros(())
    # A product with ones: reducing an inner axis of three is an order of magnitude slower in torch.
    return (moved.mul_(moved) @ moved.new_ones(3)).max()


class ListKeeper:
    """Keeps one list per cutoff between calls.

    A skin is only paid where it is reused: the first list for a geometry is exact, and lists get a skin once positions
    have been seen to move a little while all else stayed. What is kept for a cutoff is one immutable value, replaced
    as a whole, so several threads may use one keeper. Copies and pickles of a keeper start empty.
    """

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[float, _Snapshot] = {}

    def get(
        self, batch: Batch, cutoff: float, skin: float, build: Callable[[Batch, float, float], CooList]
    ) -> HeldList:
        """Return a list that holds all pairs within the cutoff at these positions.

        Parameters
        ----------
        batch : Batch
            Positions of now.
        cutoff : float, Å
            Pairs strictly closer than this are needed.
        skin : float, Å
            How much further a list that will be reused may reach; 0 reuses lists for the same positions only.
        build : callable
            ``build(batch, cutoff, skin) -> CooList``.

        Returns
        -------
        HeldList
            Pairs, full, sorted by i.
        """
        kept = self._kept.get(cutoff)
        build_skin = 0.0
        squared = None if kept is None else kept.squared_displacement(batch)
        if kept is not None and squared is not None:
            neighbors = kept.neighbors
            if squared == 0.0:
                return HeldList(neighbors, fresh=True)
            if skin > 0.0 and squared < (0.5 * neighbors.skin) ** 2 * (1.0 - _ROUNDING):
                return HeldList(neighbors, fresh=False)
            # a jump longer than the skin is no step of a trajectory: the next one would outrun the skin too
            build_skin = skin if squared < skin * skin else 0.0
        neighbors = build(batch, cutoff, build_skin)
        self._kept = {**self._kept, cutoff: _Snapshot.of(batch, neighbors)}
        return HeldList(neighbors, fresh=True)

    def clear(self) -> None:
        """Forget every list."""
        self._kept = {}

    def __reduce__(self) -> tuple[type[ListKeeper], tuple[()]]:
        return ListKeeper, ()

    def __deepcopy__(self, memo: dict[int, object]) -> ListKeeper:
        return ListKeeper()
