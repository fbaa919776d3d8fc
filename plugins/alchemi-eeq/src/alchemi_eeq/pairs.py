"""Pairs of atoms within the cutoff, and their short-ranged part of the interaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.errors import GeometryError
from alchemi_core.neighbors.geometry import pair_vectors
from alchemi_eeq.splitting import WHO

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.view import ModelView
    from alchemi_eeq.geometry import Geometry
    from alchemi_eeq.parameters import Parameters


@attrs.frozen(eq=False)
class Pairs:
    """Pairs closer than the cutoff, each once; self-images too.

    Parameters
    ----------
    i, j : Tensor [E], int64
        Atoms.
    distance : Tensor [E], Bohr
        On the graph of positions and cell.
    """

    i: Tensor
    j: Tensor
    distance: Tensor

    def select(self, wanted: Tensor) -> Pairs:
        """Return the pairs whose first atom is marked in `wanted`, Tensor [N], bool."""
        kept = wanted.index_select(0, self.i).nonzero().flatten()
        return Pairs(*(tensor.index_select(0, kept) for tensor in (self.i, self.j, self.distance)))


def read_pairs(view: ModelView, geometry: Geometry) -> Pairs:
    """Return the pairs of the view's list.

    Raises
    ------
    GeometryError
        If two atoms are at one place.
    """
    vectors = pair_vectors(geometry.positions, geometry.cell, view.neighbors, geometry.batch_idx)
    i, j = view.neighbors.neighbor_list.long().unbind(1)
    squared = (vectors * vectors).sum(1)
    _check_apart(squared, i, j, view.batch_idx)
    return Pairs(i, j, squared.sqrt())


def short_ranged(pairs: Pairs, parameters: Parameters, alpha: float) -> Tensor:
    """Return (erf(γ r) − erf(α r)) / r of each pair, γ = (a_i² + a_j²)^(−½): Tensor [E], Hartree/e².

    What an interaction of two Gaussian charge distributions leaves when that of two with width 1/α is taken out. It is
    taken as a difference of complements, which keeps its digits where both are small.
    """
    squares = parameters.width**2
    gamma = torch.rsqrt(squares.index_select(0, pairs.i) + squares.index_select(0, pairs.j))
    smeared, own = (torch.special.erfc(inverse * pairs.distance) for inverse in (alpha, gamma))
    result: Tensor = (smeared - own) / pairs.distance
    return result


def _check_apart(squared: Tensor, i: Tensor, j: Tensor, batch_idx: Tensor) -> None:
    if bool((squared == 0).any()):
        pair = int((squared == 0).nonzero()[0])
        first, second = int(i[pair]), int(j[pair])
        raise GeometryError(
            f"atoms {first} and {second} (system {int(batch_idx[first])}) are at one place",
            expected="a distance above zero between any two atoms",
            who=WHO,
            fix="remove the duplicate atom, or check the cell",
        )
