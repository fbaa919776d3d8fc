"""Writing pairs. Sizing them is the one time that the host waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.neighbors.capacity import check_countable, overflow
from alchemi_neighbors_warp.launching import launch, numbers, vectors
from alchemi_neighbors_warp.writers import WRITERS

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_neighbors_warp.mirroring import Mirror
    from alchemi_neighbors_warp.rows import Rows, Rule


@attrs.frozen(eq=False)
class Pairs:
    """Tensors of a `CooList`.

    Parameters
    ----------
    pairs : Tensor [E, 2]
    shifts : Tensor [E, 3]
    pointer : Tensor [N+1]
    """

    pairs: Tensor
    shifts: Tensor
    pointer: Tensor

    @classmethod
    def room(cls, total: int, pointer: Tensor, dtype: torch.dtype) -> Pairs:
        """Make room for so many pairs.

        Raises
        ------
        NeighborError
            If int32 cannot count them.
        """
        check_countable(total)
        pairs = torch.empty(total, 2, dtype=dtype, device=pointer.device)
        return cls(pairs, torch.empty(total, 3, dtype=dtype, device=pointer.device), pointer.to(dtype))


def write_pairs(rows: Rows, rule: Rule, mirror: Mirror | None, dtype: torch.dtype) -> Pairs:
    """Write the wanted entries of a list as pairs.

    Parameters
    ----------
    rows : Rows
        The list.
    rule : Rule
        Which entries are wanted.
    mirror : Mirror, optional
        The second direction of all that is wanted.
    dtype : torch.dtype
        Integer type of the result.

    Raises
    ------
    NeighborError
        If there are more pairs than int32 can count, or the list lacks entries that it counts.
    """
    if rows.coo and mirror is None:
        return _select_pairs(rows, rule, dtype)
    counts = rows.counts(rule) if mirror is None else mirror.counts
    pointer = torch.zeros(rows.num_atoms + 1, dtype=torch.int64, device=counts.device)
    torch.cumsum(counts, 0, out=pointer[1:])
    result = Pairs.room(_total(pointer, rows), pointer, dtype)
    writers = WRITERS[dtype]
    place = numbers(pointer), numbers(result.pairs), vectors(result.shifts)
    launch(
        writers.rows_to_pairs, rows.device, rows.num_atoms, *rows.arguments, int(rule.halve), *rule.arguments, *place
    )
    if mirror is not None:
        mirror.into_pairs(writers, pointer, result.pairs, result.shifts)
    return result


def _select_pairs(rows: Rows, rule: Rule, dtype: torch.dtype) -> Pairs:
    before = rows.before(rule)
    result = Pairs.room(int(before[-1]), before.index_select(0, rows.starts), dtype)
    place = numbers(before), numbers(result.pairs), vectors(result.shifts)
    entries, shifts, *_ = rows.arguments
    launch(WRITERS[dtype].gather_pairs, rows.device, rows.entries.shape[0], entries, shifts, *place)
    return result


def _total(pointer: Tensor, rows: Rows) -> int:
    """Number of pairs; what a matrix counts but lacks is looked for in the same wait."""
    if rows.coo or rows.num_atoms == 0:
        return int(pointer[-1])
    most, atom = rows.starts.max(0)
    total, found, fullest = torch.stack([pointer[-1], most.long(), atom]).tolist()
    if found > rows.entries.shape[1]:
        raise overflow(fullest, found, rows.entries.shape[1])
    return int(total)
