"""Unfolding: periodic systems as clusters of their atoms and all images within reach, with nothing periodic left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.data.batch import Batch
from alchemi_core.errors import DerivativeError
from alchemi_core.quantities import QUANTITIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

_CHUNK = 2**22
"""Distances looked at in one go."""

_MARGIN = 1.0 + 1e-6
"""Images a rounding error beyond the reach are taken: one more does no harm."""


@attrs.frozen(eq=False)
class Unfolding:
    """A batch of clusters and where its atoms come from.

    Parameters
    ----------
    batch : Batch
        The clusters: of each system its own atoms, then images. Positions require grad; there are no cells.
    source : Tensor [M], int64
        Atom of the original batch that each atom is, or is an image of.
    distance : Tensor [M], Å
        From each image to the nearest atom of the original system; zero for those atoms themselves.
    own : Tensor [M], bool
        Which are original atoms, in their order.
    """

    batch: Batch
    source: Tensor
    distance: Tensor
    own: Tensor

    def centred(self) -> Tensor:
        """Return positions [M, 3] in Å from the middle of each system's own atoms: small numbers round less."""
        positions, index = self.batch.positions, self.batch.batch_idx
        middle = positions.detach()[self.own]
        sums = middle.new_zeros(self.batch.num_systems, 3).index_add(0, index[self.own], middle)
        counts = torch.bincount(index[self.own], minlength=self.batch.num_systems).clamp(min=1)
        return positions - (sums / counts.unsqueeze(1)).index_select(0, index)

    def folded(self, each: Tensor) -> Tensor:
        """Add what images have to the atoms that they are images of: [M, ...] → [N, ...]."""
        return each.new_zeros(int(self.own.sum()), *each.shape[1:]).index_add(0, self.source, each)


def unfold(data: Batch, reach: float) -> Unfolding:
    """Return the clusters of a batch, atoms wrapped into their cells first; molecules stay as they are.

    Parameters
    ----------
    data : Batch
        Molecules, crystals and whatever is periodic in some directions only.
    reach : float, Å
        Images no further than this from some atom of the system are taken.

    Raises
    ------
    DerivativeError
        If a field may go by atom or by system.
    """
    parts = [_cluster(data, system, reach) for system in range(data.num_systems)]
    source, shifts, distance, own = (torch.cat(columns) for columns in zip(*parts, strict=True))
    batch = Batch(
        positions=_places(data, source, shifts),
        atomic_numbers=data.atomic_numbers[source],
        batch_idx=data.batch_idx[source],
        num_systems=data.num_systems,
        fields={name: _repeated(name, field, data, source) for name, field in data.fields.items()},
    )
    return Unfolding(batch, source, distance, own)


def _cluster(data: Batch, system: int, reach: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return atom numbers, cell shifts and distances of one cluster, and which atoms are the system's own."""
    start, stop = data.ptr[system], data.ptr[system + 1]
    atoms = torch.arange(start, stop, device=data.device)
    places = data.positions[start:stop].detach().to(torch.float64)
    nothing, here = places.new_zeros(len(atoms)), torch.ones_like(atoms, dtype=torch.bool)
    if data.cell is None or data.pbc is None or not len(atoms) or not bool(data.pbc[system].any()):
        return atoms, torch.zeros_like(places), nothing, here
    periodic = data.pbc[system]
    lattice = data.cell[system].detach().to(torch.float64)[periodic]
    home = -torch.floor(places @ torch.linalg.pinv(lattice))
    numbers, cells, distance = _images(places + home @ lattice, lattice, reach * _MARGIN)
    shifts = places.new_zeros(len(atoms) + len(numbers), 3)
    shifts[:, periodic] = torch.cat([home, home[numbers] + cells])
    there = torch.zeros_like(numbers, dtype=torch.bool)
    return torch.cat([atoms, atoms[numbers]]), shifts, torch.cat([nothing, distance]), torch.cat([here, there])


def _images(places: Tensor, lattice: Tensor, reach: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return numbers, cells and distances of the images within reach of the atoms.

    Along each reciprocal vector b, |r·b| ≤ |r| |b|, which bounds the cells to look into.
    """
    inverse = torch.linalg.pinv(lattice)
    inside = places @ inverse
    margin = reach * torch.linalg.vector_norm(inverse, dim=0)
    low, high = inside.amin(0) - margin, inside.amax(0) + margin
    first, last = torch.ceil(low - inside.amax(0)).tolist(), torch.floor(high - inside.amin(0)).tolist()
    cells = _grid(first, last, places)
    cells = cells[(cells != 0).any(dim=1)]
    near = (inside + cells.unsqueeze(1) >= low) & (inside + cells.unsqueeze(1) <= high)
    rows, numbers = near.all(dim=2).nonzero(as_tuple=True)
    distance = _distance(places[numbers] + cells[rows] @ lattice, places)
    close = distance <= reach
    return numbers[close], cells[rows[close]], distance[close]


def _grid(first: Sequence[float], last: Sequence[float], like: Tensor) -> Tensor:
    """Return all points with whole coordinates between two corners."""
    axes = [torch.arange(int(a), int(b) + 1, device=like.device) for a, b in zip(first, last, strict=True)]
    return torch.cartesian_prod(*axes).reshape(-1, len(axes)).to(like.dtype)


def _distance(images: Tensor, places: Tensor) -> Tensor:
    """Return the distance of each image to the nearest atom."""
    rows = max(_CHUNK // len(places), 1)
    exact = "donot_use_mm_for_euclid_dist"
    found = [torch.cdist(part, places, compute_mode=exact).amin(1) for part in images.split(rows) if len(part)]
    return torch.cat(found) if found else images.new_zeros(0)


def _places(data: Batch, source: Tensor, shifts: Tensor) -> Tensor:
    """Return r_j + S h, requiring grad; on the graph of the batch where that is on one."""
    places = data.positions[source]
    if data.cell is not None:
        moved = shifts.to(data.dtype).unsqueeze(1) @ data.cell[data.batch_idx[source]]
        places = places + moved.squeeze(1)
    return places if places.requires_grad else places.detach().requires_grad_(True)


def _repeated(name: str, field: Tensor, data: Batch, source: Tensor) -> Tensor:
    """Give images the field of their atom; what the table does not know is by atom where its length says so."""
    known = QUANTITIES.get(name)
    if known is None and len(source) != data.num_atoms == data.num_systems == len(field):
        raise DerivativeError(
            f"the batch has a field {name!r} that may go by atom or by system: every system has one atom",
            expected="fields whose length says which",
            who="derivative_fn atomic-virials",
            fix=f"leave {name!r} away, if no model needs it, or take a larger cell",
        )
    by_atom = len(field) == data.num_atoms if known is None else known.per_atom
    return field[source] if by_atom else field
