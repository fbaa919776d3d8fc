"""Directed pairs of a batch, their undirected bonds, and the angles between short ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_chgnet.checkpoints import WHO
from alchemi_core.errors import GeometryError, NeighborError
from alchemi_core.neighbors.geometry import pair_vectors

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.view import ModelView

_INT64 = 2**63


@attrs.frozen(eq=False, kw_only=True)
class Geometry:
    """Atoms of any number of systems and the directed pairs between them.

    Parameters
    ----------
    numbers : Tensor [N], int64
        Atomic numbers.
    pairs : Tensor [E, 2], int64
        Atoms i and j, sorted by i; each pair is there in both directions.
    shifts : Tensor [E, 3], int32
        Cell shifts.
    vectors : Tensor [E, 3], Å
        From i to j, on the graph.
    lengths : Tensor [E], Å
        Their lengths, on the graph.
    """

    numbers: Tensor
    pairs: Tensor
    shifts: Tensor
    vectors: Tensor
    lengths: Tensor

    def of(self, keep: Tensor) -> Geometry:
        """Return the atoms where `keep` [N] is true, with their pairs; it must hold whole systems."""
        renumbered = torch.cumsum(keep, 0) - 1
        rows = keep.index_select(0, self.pairs[:, 0]).nonzero().flatten()
        return Geometry(
            numbers=self.numbers[keep],
            pairs=renumbered[self.pairs.index_select(0, rows)],
            shifts=self.shifts.index_select(0, rows),
            vectors=self.vectors.index_select(0, rows),
            lengths=self.lengths.index_select(0, rows),
        )


@attrs.frozen(eq=False)
class Bonds:
    """Undirected bonds.

    Parameters
    ----------
    of_pair : Tensor [E], int64
        Bond of each directed pair.
    pair_of : Tensor [E/2], int64
        One of the two directed pairs of each bond.
    """

    of_pair: Tensor
    pair_of: Tensor


@attrs.frozen(eq=False)
class Angles:
    """Ordered couples of different directed pairs that start at one atom and are both short.

    Parameters
    ----------
    short : Tensor [M], int64
        The short directed pairs, sorted.
    first, second : Tensor [A], int64
        Rows of `short`.
    """

    short: Tensor
    first: Tensor
    second: Tensor


def read_geometry(view: ModelView) -> Geometry:
    """Return the geometry of a view.

    Raises
    ------
    GeometryError
        If two atoms are at one place: the direction of their bond is not defined.
    """
    vectors = pair_vectors(view.positions, view.cell, view.neighbors, view.batch_idx)
    geometry = Geometry(
        numbers=view.atomic_numbers,
        pairs=view.neighbors.neighbor_list.long(),
        shifts=view.neighbors.neighbor_list_shifts,
        vectors=vectors,
        lengths=torch.linalg.vector_norm(vectors, dim=1),
    )
    _check_apart(geometry)
    return geometry


def _check_apart(geometry: Geometry) -> None:
    lengths = geometry.lengths.detach()
    if lengths.numel() and not float(lengths.min()) > 0.0:
        i, j = geometry.pairs[int(lengths.argmin())].tolist()
        raise GeometryError(
            f"atoms {i} and {j} of the batch are at one place", expected="distances above zero", who=WHO
        )


def find_bonds(geometry: Geometry) -> Bonds:
    """Join (i, j, S) and (j, i, −S): both get one key, and sorting puts them side by side.

    Raises
    ------
    NeighborError
        If a pair is there in one direction only.
    """
    code, codes = _shift_codes(geometry.shifts, geometry.numbers.shape[0])
    i, j = geometry.pairs.unbind(1)
    atoms = geometry.numbers.shape[0]
    there = (i * atoms + j) * codes + code
    back = (j * atoms + i) * codes + (codes - 1 - code)
    keys, order = torch.sort(torch.minimum(there, back), stable=True)
    if len(keys) % 2 or not torch.equal(keys[::2], keys[1::2]):
        raise NeighborError("a pair is listed in one direction only", expected="a full list", who=WHO)
    of_pair = torch.empty_like(order)
    of_pair[order] = torch.arange(len(order), device=order.device) // 2
    return Bonds(of_pair, order[::2])


def _shift_codes(shifts: Tensor, atoms: int) -> tuple[Tensor, int]:
    """Number the shifts S from 0 to K − 1 such that −S has number K − 1 − n; return numbers [E] and K."""
    if not len(shifts):
        return shifts.new_zeros(0, dtype=torch.int64), 1
    a, b, c = shifts.abs().amax(0).tolist()
    box = (2 * a + 1, 2 * b + 1, 2 * c + 1)
    if atoms * atoms * box[0] * box[1] * box[2] < _INT64:
        x, y, z = shifts.long().unbind(1)
        return ((x + a) * box[1] + y + b) * box[2] + z + c, box[0] * box[1] * box[2]
    # Atoms that have travelled through millions of cells: only shifts that occur are numbered. They occur with their
    # opposites, so that in lexical order the opposite stands at the mirrored place.
    occurring, codes = torch.unique(shifts, dim=0, return_inverse=True)
    return codes, len(occurring)


def find_angles(geometry: Geometry, cutoff: float) -> Angles:
    """Return all angles at each atom between two pairs, the first up to the cutoff, the second strictly below it."""
    lengths = geometry.lengths.detach()
    short = (lengths <= cutoff).nonzero().flatten()
    centers = geometry.pairs[:, 0].index_select(0, short)
    counts = torch.bincount(centers, minlength=geometry.numbers.shape[0])
    partners = counts.index_select(0, centers)
    first = torch.repeat_interleave(partners)
    # Couple number n of a first pair: row n among the short pairs of its atom.
    begin = (torch.cumsum(counts, 0) - counts).index_select(0, centers) - (torch.cumsum(partners, 0) - partners)
    second = torch.arange(len(first), device=first.device) + begin.index_select(0, first)
    below = lengths.index_select(0, short) < cutoff
    keep = ((first != second) & below.index_select(0, second)).nonzero().flatten()
    return Angles(short, first.index_select(0, keep), second.index_select(0, keep))
