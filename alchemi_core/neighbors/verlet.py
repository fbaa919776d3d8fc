"""Reuse of lists between calls, until an atom has moved more than half the skin or anything else changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.neighbors.lists import CooList

# The displacement is measured in the dtype of the batch; float32 rounds it by less than this.
_ROUNDING = 1e-6


@attrs.frozen(eq=False)
class _Snapshot:
    """A list with a copy of everything it was built from. Copies, so that tensors changed in place are noticed."""

    positions: Tensor
    batch_idx: Tensor
    cell: Tensor | None
    pbc: Tensor | None
    neighbors: CooList

    @classmethod
    def of(cls, batch: Batch, neighbors: CooList) -> _Snapshot:
        return cls(
            positions=batch.positions.detach().clone(),
            batch_idx=batch.batch_idx.clone(),
            cell=None if batch.cell is None else batch.cell.detach().clone(),
            pbc=None if batch.pbc is None else batch.pbc.clone(),
            neighbors=neighbors,
        )

    def same_frame(self, batch: Batch) -> bool:
        """Whether only positions may differ: same atoms per system, cell, pbc, type and device."""
        old, new = self.positions, batch.positions
        return (
            old.shape == new.shape
            and old.dtype == new.dtype
            and old.device == new.device
            and torch.equal(self.batch_idx, batch.batch_idx)
            and _equal(self.cell, batch.cell)
            and _equal(self.pbc, batch.pbc)
        )

    def squared_displacement(self, positions: Tensor) -> float:
        """Square of the longest way an atom moved, Å²; NaN if a position is."""
        moved = positions - self.positions
        return float((moved.mul_(moved) @ moved.new_ones(3)).max()) if moved.shape[0] else 0.0


def _equal(old: Tensor | None, new: Tensor | None) -> bool:
    if old is None or new is None:
        return old is new
    return torch.equal(old, new)


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
    ) -> tuple[CooList, bool]:
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
        neighbors : CooList
            Full, sorted by i.
        exact : bool
            Whether it holds no other pairs; where False, readers filter.
        """
        kept = self._kept.get(cutoff)
        build_skin = 0.0
        if kept is not None and kept.same_frame(batch):
            squared = kept.squared_displacement(batch.positions.detach())
            neighbors = kept.neighbors
            if squared == 0.0:
                return neighbors, neighbors.skin == 0.0
            if skin > 0.0 and squared < (0.5 * neighbors.skin) ** 2 * (1.0 - _ROUNDING):
                return neighbors, False
            # a jump longer than the skin is no step of a trajectory: the next one would outrun the skin too
            build_skin = skin if squared < skin * skin else 0.0
        neighbors = build(batch, cutoff, build_skin)
        self._kept = {**self._kept, cutoff: _Snapshot.of(batch, neighbors)}
        return neighbors, neighbors.skin == 0.0

    def clear(self) -> None:
        """Forget every list."""
        self._kept = {}

    def __reduce__(self) -> tuple[type[ListKeeper], tuple[()]]:
        return ListKeeper, ()

    def __deepcopy__(self, memo: dict[int, object]) -> ListKeeper:
        return ListKeeper()
