"""The second direction of every pair of a half list, where each goes, and writing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.neighbors.capacity import check_addressable
from alchemi_neighbors_warp import kernels
from alchemi_neighbors_warp.launching import launch, numbers, vectors

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_neighbors_warp.launching import Argument
    from alchemi_neighbors_warp.rows import Rows, Rule
    from alchemi_neighbors_warp.writers import Writers


@attrs.frozen(eq=False)
class Mirror:
    """Wanted entries sorted by their atom j, in the source's order among equals.

    A stable sort brings together what row j lacks. Where each goes follows from its place in the sorted order, so no
    two threads compete and every run gives the same list.

    Parameters
    ----------
    rows : Rows
        The half list.
    keys : Tensor [M], int32
        Atom j of each of the list's M entries, sorted; the number of atoms where an entry is not wanted.
    order : Tensor [M], int64
        Entry of each key.
    begins : Tensor [N+1], int64
        Where each atom's keys begin.
    own : Tensor [N], int32
        Wanted entries of each row.
    """

    rows: Rows
    keys: Tensor
    order: Tensor
    begins: Tensor
    own: Tensor

    @classmethod
    def of(cls, rows: Rows, rule: Rule) -> Mirror:
        """Sort the entries of a half list.

        Raises
        ------
        NeighborError
            If a matrix has more entries than can be addressed.
        """
        atoms = rows.num_atoms
        if not rows.coo:
            check_addressable(atoms, rows.entries.shape[1])
        keys = torch.empty(rows.shifts.shape[:2], dtype=torch.int32, device=rows.entries.device)
        own = rows.starts.new_empty(atoms)
        arguments = *rows.arguments, *rule.arguments, numbers(keys), numbers(own)
        launch(kernels.key_rows, rows.device, atoms, *arguments)
        keys, order = torch.sort(keys.flatten(), stable=True)
        begins = torch.searchsorted(keys, torch.arange(atoms + 1, dtype=keys.dtype, device=keys.device))
        return cls(rows, keys, order, begins, own)

    @property
    def counts(self) -> Tensor:
        """Entries of each row in both directions: Tensor [N], int64."""
        return self.own + self.missing

    @property
    def missing(self) -> Tensor:
        """Entries that each row lacks: Tensor [N], int64."""
        return self.begins.diff()

    @property
    def _arguments(self) -> tuple[Argument, ...]:
        entries, shifts, _, coo = self.rows.arguments
        return entries, shifts, coo, numbers(self.keys), numbers(self.order), numbers(self.begins), numbers(self.own)

    def into_matrix(self, writers: Writers, matrix: Tensor, shifts: Tensor) -> None:
        """Write what rows lack behind their own entries, as far as there is room."""
        arguments = *self._arguments, numbers(matrix), vectors(shifts)
        launch(writers.mirror_to_matrix, self.rows.device, self.keys.shape[0], *arguments)

    def into_pairs(self, writers: Writers, pointer: Tensor, pairs: Tensor, shifts: Tensor) -> None:
        """Write what rows lack behind their own pairs; rows begin at `pointer` [N+1], int64."""
        arguments = *self._arguments, numbers(pointer), numbers(pairs), vectors(shifts)
        launch(writers.mirror_to_pairs, self.rows.device, self.keys.shape[0], *arguments)
