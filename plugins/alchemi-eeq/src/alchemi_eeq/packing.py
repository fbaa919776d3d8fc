"""Blocks: systems of one kind and about one size, padded to a rectangle so that they are solved together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

PADDING = 1.25
"""About the largest ratio of two sizes in one block."""

WAVE_PADDING, FEW_WAVES = 2.0, 64.0
"""Largest ratio of two numbers of waves in one block, and a difference that does not count."""

ROOM = 2**23
"""Numbers that the largest tensor of a block may hold: 64 MiB; a single larger system still makes a block."""


@attrs.frozen
class Size:
    """What is known of a system before anything is computed.

    Parameters
    ----------
    system : int
        Its number in the batch.
    periodic : int
        Number of periodic directions.
    atoms : int
        Number of atoms.
    waves : float
        About how many reciprocal vectors it needs.
    """

    system: int
    periodic: int
    atoms: int
    waves: float

    @property
    def rank(self) -> int:
        """Step on a ladder of sizes, each `PADDING` times the one before; ``atoms < PADDING ** (rank + 1)``."""
        return math.floor(math.log(self.atoms) / math.log(PADDING) + 1e-9)

    def fits(self, first: Size, count: int) -> bool:
        """Say whether this one can be the last of a block of `count` systems that begins with `first`."""
        atoms = PADDING ** (self.rank + 1)
        return (
            (self.periodic, self.rank) == (first.periodic, first.rank)
            and self.waves <= WAVE_PADDING * first.waves + FEW_WAVES
            and count * atoms * (atoms + 2 * self.waves) <= ROOM
        )


@attrs.frozen(eq=False)
class Block:
    """Systems that are solved together.

    Parameters
    ----------
    periodic : int
        Number of periodic directions of each.
    systems : Tensor [S], int64
        Their numbers in the batch.
    atoms : Tensor [S, n], int64
        Their atoms; the number of atoms of the batch where there is none.
    present : Tensor [S, n], bool
        Where there is one.
    """

    periodic: int
    systems: Tensor
    atoms: Tensor
    present: Tensor

    def gather(self, values: Tensor) -> Tensor:
        """Return values [N, ...] by system and atom, [S, n, ...], zero where there is no atom."""
        padded = torch.cat([values, values.new_zeros(1, *values.shape[1:])])
        rows = padded.index_select(0, self.atoms.flatten())
        return rows.view(*self.atoms.shape, *values.shape[1:])


def pack(sizes: Sequence[Size], ptr: Sequence[int], device: torch.device) -> list[Block]:
    """Pack systems into blocks; those without atoms are left out.

    Parameters
    ----------
    sizes : sequence of Size
        All systems.
    ptr : sequence of int
        Atom offsets of the systems, B + 1 integers.
    device : torch.device
        Where the blocks shall live.
    """
    filled = sorted((size for size in sizes if size.atoms), key=lambda size: (size.periodic, size.rank, size.waves))
    return [_block(group, ptr, device) for group in _groups(filled)]


def _groups(sizes: Sequence[Size]) -> Iterator[list[Size]]:
    group: list[Size] = []
    for size in sizes:
        if group and not size.fits(group[0], len(group) + 1):
            yield group
            group = []
        group.append(size)
    if group:
        yield group


def _block(group: Sequence[Size], ptr: Sequence[int], device: torch.device) -> Block:
    systems = torch.tensor([size.system for size in group])
    counts = torch.tensor([size.atoms for size in group])
    starts = torch.tensor([ptr[size.system] for size in group])
    columns = torch.arange(int(counts.max()))
    present = columns < counts[:, None]
    atoms = torch.where(present, starts[:, None] + columns, ptr[-1])
    return Block(group[0].periodic, systems.to(device), atoms.to(device), present.to(device))
