"""The periodic systems of a batch, in cells that are periodic in three directions, with their pairs."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.errors import GeometryError
from alchemi_electrostatics.reduction import short_basis
from alchemi_electrostatics.slabs import Slab, extended

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from alchemi_core.neighbors.lists import CooList
    from alchemi_electrostatics.frame import Frame
    from alchemi_electrostatics.splitting import Splitting


@attrs.frozen(eq=False)
class Lattices:
    """Periodic systems, numbered anew.

    Parameters
    ----------
    systems : tuple of int
        Their numbers in the batch.
    positions : Tensor [n, 3], Å
        Their atoms.
    charges : Tensor [n], e
        Their charges.
    cell : Tensor [S, 3, 3], Å
        Cells, those of slabs with vacuum; what the shifts refer to.
    reduced : Tensor [S, 3, 3], Å
        The same lattices by short vectors.
    batch_idx : Tensor [n], int64
        System of each atom.
    ptr : tuple of int
        Atom offsets.
    slabs : mapping of int to Slab
        Which of them are slabs.
    pairs : CooList
        Their pairs within the cutoff, each once.
    """

    systems: tuple[int, ...]
    positions: Tensor
    charges: Tensor
    cell: Tensor
    reduced: Tensor
    batch_idx: Tensor
    ptr: tuple[int, ...]
    slabs: dict[int, Slab]
    pairs: CooList

    def atoms(self, system: int) -> slice:
        """Return where the atoms of a system are."""
        return slice(self.ptr[system], self.ptr[system + 1])


def lattices_of(frame: Frame, systems: Sequence[int], splitting: Splitting, who: str) -> Lattices:
    """Take the named systems out of a batch.

    Raises
    ------
    GeometryError
        If a cell has no volume, or a slab no area.
    """
    if frame.cell is None:
        raise AssertionError("systems with periods have cells")
    cells, slabs = list(frame.cell.unbind(0)), {}
    for place, system in enumerate(systems):
        if not all(frame.periods[system]):
            own = frame.positions[frame.ptr[system] : frame.ptr[system + 1]]
            slab = extended(cells[system], frame.periods[system].index(False), own, splitting, who)
            cells[system], slabs[place] = slab.cell, slab
    cell = frame.cell if not slabs and len(systems) == len(cells) else torch.stack([cells[s] for s in systems])
    _check_volumes(cell, systems, who)
    if len(systems) == frame.num_systems:
        return _whole(frame, cell, slabs)
    return _part(frame, systems, cell, slabs)


def _whole(frame: Frame, cell: Tensor, slabs: dict[int, Slab]) -> Lattices:
    return Lattices(
        systems=tuple(range(frame.num_systems)),
        positions=frame.positions,
        charges=frame.charges,
        cell=cell,
        reduced=_reduced(cell),
        batch_idx=frame.batch_idx,
        ptr=frame.ptr,
        slabs=slabs,
        pairs=frame.pairs,
    )


def _part(frame: Frame, systems: Sequence[int], cell: Tensor, slabs: dict[int, Slab]) -> Lattices:
    device = frame.positions.device
    place = torch.full((frame.num_systems,), -1, device=device)
    place[list(systems)] = torch.arange(len(systems), device=device)
    mine = place.index_select(0, frame.batch_idx)
    kept = (mine >= 0).nonzero().flatten()
    sizes = [frame.ptr[s + 1] - frame.ptr[s] for s in systems]
    return Lattices(
        systems=tuple(systems),
        positions=frame.positions.index_select(0, kept),
        charges=frame.charges.index_select(0, kept),
        cell=cell,
        reduced=_reduced(cell),
        batch_idx=mine.index_select(0, kept),
        ptr=(0, *accumulate(sizes)),
        slabs=slabs,
        pairs=_pairs_of(frame.pairs, kept),
    )


def _pairs_of(pairs: CooList, kept: Tensor) -> CooList:
    """Return the pairs of the atoms kept, whose systems are kept whole, with the atoms numbered anew."""
    number = kept.new_full((pairs.num_atoms,), -1).index_copy_(0, kept, torch.arange(len(kept), device=kept.device))
    both = number.to(pairs.neighbor_list.dtype)[pairs.neighbor_list.long()]
    inside = (both[:, 0] >= 0).nonzero().flatten()
    counts = pairs.edge_ptr.diff().index_select(0, kept)
    return attrs.evolve(
        pairs,
        neighbor_list=both.index_select(0, inside),
        neighbor_list_shifts=pairs.neighbor_list_shifts.index_select(0, inside),
        edge_ptr=torch.cat([counts.new_zeros(1), counts.cumsum(0, dtype=counts.dtype)]),
    )


def _reduced(cell: Tensor) -> Tensor:
    numbers = [short_basis(rows) for rows in cell.tolist()]
    return torch.tensor(numbers, dtype=cell.dtype, device=cell.device) @ cell


def _check_volumes(cell: Tensor, systems: Sequence[int], who: str) -> None:
    flat = torch.linalg.det(cell.detach()) == 0.0
    if bool(flat.any()):
        raise GeometryError(
            f"the cell of system {systems[int(flat.nonzero()[0])]} has no volume",
            expected="three independent lattice vectors along periodic directions",
            who=who,
            fix="check the cell and pbc",
        )
