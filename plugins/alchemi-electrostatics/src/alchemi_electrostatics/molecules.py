"""Systems without periods: every pair, near or far, once."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import torch

from alchemi_core.errors import GeometryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from alchemi_electrostatics.frame import Frame


def molecule_energies(frame: Frame, systems: Sequence[int], who: str) -> Tensor:
    """Return E = Σ_{i<j} q_i q_j / r_ij of the named systems, zero for all others: Tensor [B], e²/Å.

    Raises
    ------
    GeometryError
        If two atoms are at one place.
    """
    i, j = _pairs(frame, systems)
    apart = frame.positions.index_select(0, j) - frame.positions.index_select(0, i)
    squared = (apart * apart).sum(1)
    check_apart(squared, i, j, who)
    terms = frame.charges.index_select(0, i) * frame.charges.index_select(0, j) * squared.rsqrt()
    return terms.new_zeros(frame.num_systems).index_add(0, frame.batch_idx.index_select(0, i), terms)


def check_apart(squared: Tensor, i: Tensor, j: Tensor, who: str) -> None:
    """Raise `GeometryError` when a squared distance [P] of pairs i, j is zero."""
    if bool((squared == 0).any()):
        pair = int((squared == 0).nonzero()[0])
        raise GeometryError(
            f"atoms {int(i[pair])} and {int(j[pair])} are at one place",
            expected="a distance above zero between any two atoms",
            who=who,
            fix="remove the duplicate atom, or check the cell",
        )


def _pairs(frame: Frame, systems: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Return both atoms of every pair; systems of one size are written together."""
    starts: dict[int, list[int]] = defaultdict(list)
    for system in systems:
        starts[frame.ptr[system + 1] - frame.ptr[system]].append(frame.ptr[system])
    device = frame.positions.device
    blocks = [torch.zeros(2, 0, dtype=torch.int64, device=device)]
    for size, firsts in starts.items():
        corner = torch.triu_indices(size, size, 1, device=device)
        blocks.append((corner[:, None] + torch.tensor(firsts, device=device)[None, :, None]).reshape(2, -1))
    i, j = torch.cat(blocks, dim=1).unbind(0)
    return i, j
