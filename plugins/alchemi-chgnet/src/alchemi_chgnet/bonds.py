"""Who is bonded to whom, and which bonds make an angle: all from the neighbor list, without a loop over atoms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.neighbors.geometry import pair_vectors

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.view import ModelView


@attrs.frozen(eq=False)
class Bonds:
    """Every bond once; those short enough to make angles come first.

    Parameters
    ----------
    i, j : Tensor [U]
        Its two atoms.
    vectors : Tensor [U, 3], Å
        From i to j, on the graph.
    lengths : Tensor [U], Å
        On the graph.
    short : int
        How many are short.
    """

    i: Tensor
    j: Tensor
    vectors: Tensor
    lengths: Tensor
    short: int

    @property
    def ends(self) -> Tensor:
        """Tensor [2 U]: the atom that a bond belongs to, seen from i and then from j."""
        return torch.cat([self.i, self.j])

    @property
    def opposites(self) -> Tensor:
        """Tensor [2 U]: the atom at the other end."""
        return torch.cat([self.j, self.i])


@attrs.frozen(eq=False)
class Angles:
    """Every two short bonds that share an atom, once.

    Parameters
    ----------
    center : Tensor [H]
        The shared atom.
    first, second : Tensor [H]
        The bonds, by their number.
    cosines : Tensor [H]
        On the graph.
    """

    center: Tensor
    first: Tensor
    second: Tensor
    cosines: Tensor

    @property
    def count(self) -> int:
        """Number of angles H."""
        return int(self.center.shape[0])


def find_bonds(view: ModelView, short_cutoff: float, dtype: torch.dtype) -> Bonds:
    """Return the bonds of a half neighbor list.

    Parameters
    ----------
    view : ModelView
        Positions, cell and the list.
    short_cutoff : float, Å
        Bonds below it are short.
    dtype : torch.dtype
        Of the model's weights.
    """
    pairs = view.neighbors
    vectors = pair_vectors(view.positions, view.cell, pairs, view.batch_idx).to(dtype)
    is_short = vectors.detach().square().sum(dim=1) < short_cutoff**2
    short, long = is_short.nonzero().flatten(), (~is_short).nonzero().flatten()
    order = torch.cat([short, long])
    i, j = pairs.neighbor_list.index_select(0, order).long().T.contiguous()
    vectors = vectors.index_select(0, order)
    return Bonds(i, j, vectors, torch.linalg.vector_norm(vectors, dim=1), short.shape[0])


def find_angles(bonds: Bonds) -> Angles:
    """Return the angles between short bonds.

    A bond of an atom with its own image belongs to it twice, once per direction, and makes angles as two bonds do.
    """
    number = torch.arange(bonds.short, device=bonds.i.device)
    atoms = torch.cat([bonds.i[: bonds.short], bonds.j[: bonds.short]])
    order = torch.argsort(atoms, stable=True)
    left, right = _pairs_within(atoms.index_select(0, order))
    direction = bonds.vectors[: bonds.short] / bonds.lengths[: bonds.short, None]
    outward = torch.cat([direction, -direction]).index_select(0, order)
    names = torch.cat([number, number]).index_select(0, order)
    return Angles(
        center=atoms.index_select(0, order).index_select(0, left),
        first=names.index_select(0, left),
        second=names.index_select(0, right),
        cosines=(outward.index_select(0, left) * outward.index_select(0, right)).sum(dim=1),
    )


def _pairs_within(groups: Tensor) -> tuple[Tensor, Tensor]:
    """Return each two places that hold the same value in a sorted tensor, once, the smaller place first."""
    places = torch.arange(groups.shape[0], device=groups.device)
    ends = torch.searchsorted(groups, groups, right=True)
    later = ends - places - 1
    left = places.repeat_interleave(later)
    starts = torch.cumsum(later, 0) - later
    within = torch.arange(left.shape[0], device=groups.device) - starts.index_select(0, left)
    return left, left + 1 + within
