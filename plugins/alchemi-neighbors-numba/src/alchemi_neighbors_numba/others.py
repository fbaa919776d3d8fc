"""The systems of a batch that are left to the core, whose list becomes part of the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import torch

from alchemi_core.data.batch import Batch
from alchemi_core.neighbors import building

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from alchemi_core.neighbors.lists import CooList


@attrs.frozen(eq=False)
class Others:
    """Systems that the core built.

    Parameters
    ----------
    atoms : ndarray [n], int64
        Their atoms' numbers in the whole batch.
    neighbors : CooList
        Their list, in which atoms are numbered by their place in `atoms`.
    """

    atoms: NDArray[np.int64]
    neighbors: CooList

    @property
    def counts(self) -> NDArray[np.int64]:
        """Neighbors of each of these atoms."""
        return np.diff(self.neighbors.edge_ptr.numpy()).astype(np.int64)

    def write(self, pointers: NDArray[np.int64], pairs: NDArray[Any], shifts: NDArray[Any]) -> None:
        """Write their pairs into the list of the whole batch.

        Parameters
        ----------
        pointers : ndarray [N+1]
            Row pointer of the whole list.
        pairs, shifts : ndarray [E, 2] and [E, 3]
            Written.
        """
        moved = pointers[self.atoms] - self.neighbors.edge_ptr.numpy()[:-1]
        place = np.repeat(moved, self.counts) + np.arange(self.neighbors.num_pairs)
        pairs[place] = self.atoms[self.neighbors.neighbor_list.numpy()]
        shifts[place] = self.neighbors.neighbor_list_shifts.numpy()


def build_others(batch: Batch, left: NDArray[np.bool_], cutoff: float, skin: float) -> Others:
    """Let the core build the list of some systems.

    Parameters
    ----------
    batch, cutoff, skin
        As for `build`.
    left : ndarray [B], bool
        Which systems.
    """
    systems = torch.from_numpy(left)
    atoms = systems[batch.batch_idx].nonzero().squeeze(1)
    numbers = torch.cumsum(systems, 0) - 1
    some = Batch(
        positions=batch.positions.detach()[atoms],
        atomic_numbers=batch.atomic_numbers[atoms],
        batch_idx=numbers[batch.batch_idx[atoms]],
        num_systems=int(systems.sum()),
        cell=None if batch.cell is None else batch.cell.detach()[systems],
        pbc=None if batch.pbc is None else batch.pbc[systems],
    )
    return Others(atoms.numpy(), building.build(some, cutoff, skin))
