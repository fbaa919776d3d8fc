"""The shortest of all periodic images of a displacement, in cells of any shape."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.view import ModelView

EDGE = 1e-9
"""Relative rounding: no image is left out for less, and none preferred."""


def shortened(vectors: Tensor, systems: Tensor, view: ModelView) -> Tensor:
    """Return each displacement by its shortest image, ``d + S @ cell``, differentiable through both.

    Parameters
    ----------
    vectors : Tensor [R, 3], Å
        Displacements.
    systems : Tensor [R], int64
        System of each.
    view : ModelView
        Cells and which of their directions are periodic.

    Returns
    -------
    Tensor [R, 3], Å
        Of two images equally short one is taken; there the energy of a restraint has a kink.
    """
    if view.cell is None or view.pbc is None:
        return vectors
    shifts = shortest_shifts(vectors, systems, view.cell, view.pbc)
    return shifted(vectors, shifts, systems, view)


def shifted(vectors: Tensor, shifts: Tensor, systems: Tensor, view: ModelView) -> Tensor:
    """Return ``d + S @ cell`` for given shifts S: Tensor [R, 3], Å; the cell is there, the shifts are whole numbers."""
    own: Tensor = view.cell.index_select(0, systems)
    return vectors + (shifts.to(vectors.dtype)[:, None] @ own)[:, 0]


@torch.no_grad()
def shortest_shifts(vectors: Tensor, systems: Tensor, cell: Tensor, pbc: Tensor) -> Tensor:
    """Return the shifts S for which ``d + S @ cell`` is shortest.

    Rounding fractional coordinates gives an image d' that is short, but in skewed cells not always the shortest. A
    shorter one has fractional coordinates that differ by whole numbers n with ``|n_i| ≤ 2 |d'| |b_i|``, b the
    reciprocal vectors; these are tried. In most calls there are none.

    Parameters
    ----------
    vectors : Tensor [R, 3], Å
        Displacements d.
    systems : Tensor [R], int64
        System of each.
    cell : Tensor [B, 3, 3], Å
        Rows are lattice vectors.
    pbc : Tensor [B, 3], bool
        Which of them are periods.

    Returns
    -------
    Tensor [R, 3], float64
        Whole numbers, zero where not periodic.
    """
    periods = torch.where(pbc[..., None], cell, 0.0).double()
    dual: Tensor = torch.linalg.pinv(periods)
    periods, dual = periods.index_select(0, systems), dual.index_select(0, systems)
    fractions = (vectors.double()[:, None] @ dual)[:, 0]
    shifts = -fractions.round()
    rest = ((fractions + shifts)[:, None] @ periods)[:, 0]
    bounds = 2.0 * rest.norm(dim=1, keepdim=True) * dual.norm(dim=1)
    far = (bounds > 1.0 - EDGE).any(dim=1).nonzero().flatten()
    if far.numel():
        shifts[far] += _best_turns(rest[far], periods[far], bounds[far].amax(dim=0))
    # turns are tried as far as any system needs: along what is no period of this one they change nothing
    return torch.where(pbc.index_select(0, systems), shifts, 0.0)


def _best_turns(rest: Tensor, periods: Tensor, bounds: Tensor) -> Tensor:
    """Return which whole numbers of periods within the bounds shorten the displacements most: Tensor [R, 3]."""
    best, length = torch.zeros_like(rest), rest.norm(dim=1) * (1.0 - EDGE)
    for turn in product(*(range(-n, n + 1) for n in (bounds + EDGE).floor().long().tolist())):
        move = rest.new_tensor(turn)
        other = (rest + move @ periods).norm(dim=1)
        better = other < length
        best, length = torch.where(better[:, None], move, best), torch.where(better, other, length)
    return best
