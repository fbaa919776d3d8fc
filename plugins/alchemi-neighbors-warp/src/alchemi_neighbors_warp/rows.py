"""What kernels read: a list of either layout as rows of entries, and the rule that says which are wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.neighbors.capacity import check_countable
from alchemi_core.neighbors.lists import CooList
from alchemi_neighbors_warp import kernels
from alchemi_neighbors_warp.launching import launch, matrices, numbers, vectors
from alchemi_neighbors_warp.loading import load

if TYPE_CHECKING:
    import warp as wp
    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.neighbors.lists import NeighborList
    from alchemi_neighbors_warp.launching import Argument


@attrs.frozen(eq=False)
class Rule:
    """Which entries of a list are wanted.

    Parameters
    ----------
    positions : Tensor [N, 3], Å, float64
    cells : Tensor [B, 3, 3], Å, float64
        Zero where there is none.
    systems : Tensor [N], int64
        System of each atom.
    cutoff : float, Å
        Pairs strictly closer are wanted.
    measure : bool
        Whether distances are measured; otherwise all pairs are taken as closer.
    halve : bool
        Whether one of each two directions is wanted.
    """

    positions: Tensor
    cells: Tensor
    systems: Tensor
    cutoff: float
    measure: bool
    halve: bool

    @classmethod
    def of(cls, batch: Batch, cutoff: float, *, measure: bool, halve: bool) -> Rule:
        """Read a batch; arguments as for the class."""
        positions = batch.positions.detach().double().contiguous()
        if batch.cell is None:
            cells = positions.new_zeros(batch.num_systems, 3, 3)
        else:
            cells = batch.cell.detach().double().contiguous()
        return cls(positions, cells, batch.batch_idx.contiguous(), cutoff, measure, halve)

    @property
    def keeps_all(self) -> bool:
        """Whether nothing is dropped."""
        return not (self.measure or self.halve)

    @property
    def arguments(self) -> tuple[Argument, ...]:
        """Limit, positions, cells and systems, for kernels."""
        limit = self.cutoff * self.cutoff if self.measure else -1.0
        return limit, vectors(self.positions), matrices(self.cells), numbers(self.systems)


@attrs.frozen(eq=False)
class Rows:
    """A list as kernels read it.

    Parameters
    ----------
    entries : Tensor [E, 2] or [N, K], int32
        Pairs, or one row of neighbors per atom.
    shifts : Tensor [E, 1, 3] or [N, K, 3], int32
        Cell shifts.
    starts : Tensor [N+1] or [N], int32
        Row pointer of pairs, or counts of a matrix.
    coo : bool
        Whether they are pairs.
    """

    entries: Tensor
    shifts: Tensor
    starts: Tensor
    coo: bool

    @classmethod
    def of(cls, source: NeighborList) -> Rows:
        """Read a list; integers of another type are converted, and views laid out anew.

        Raises
        ------
        NeighborError
            If it has more pairs than int32 can count.
        """
        if isinstance(source, CooList):
            check_countable(source.num_pairs)
            tensors = source.neighbor_list, source.neighbor_list_shifts[:, None], source.edge_ptr
        else:
            tensors = source.neighbor_matrix, source.neighbor_matrix_shifts, source.num_neighbors
        entries, shifts, starts = (tensor.to(torch.int32).contiguous() for tensor in tensors)
        return cls(entries, shifts, starts, isinstance(source, CooList))

    @property
    def num_atoms(self) -> int:
        """Number of atoms N."""
        return int(self.starts.shape[0]) - self.coo

    @property
    def device(self) -> wp.Device:
        """Where the tensors are, with the kernels loaded there."""
        return load(kernels, self.entries.device)

    @property
    def arguments(self) -> tuple[Argument, ...]:
        """Entries, shifts, starts and layout, for kernels."""
        return numbers(self.entries), vectors(self.shifts), numbers(self.starts), int(self.coo)

    def counts(self, rule: Rule) -> Tensor:
        """Count the wanted entries of each row: Tensor [N], int32."""
        if rule.keeps_all:
            return self.starts.diff() if self.coo else self.starts
        if self.coo:
            return self.before(rule).index_select(0, self.starts).diff()
        counts = torch.empty_like(self.starts)
        arguments = *self.arguments, int(rule.halve), *rule.arguments, numbers(counts)
        launch(kernels.count_rows, self.device, self.num_atoms, *arguments)
        return counts

    def before(self, rule: Rule) -> Tensor:
        """Count the wanted pairs before each pair, and all of them: Tensor [E+1], int32. For pairs only."""
        pairs = self.entries.shape[0]
        wanted = torch.empty(pairs, dtype=torch.bool, device=self.entries.device)
        arguments = numbers(self.entries), vectors(self.shifts), int(rule.halve), *rule.arguments, numbers(wanted)
        launch(kernels.mark_pairs, self.device, pairs, *arguments)
        before = self.entries.new_zeros(pairs + 1)
        torch.cumsum(wanted, 0, dtype=torch.int32, out=before[1:])
        return before
