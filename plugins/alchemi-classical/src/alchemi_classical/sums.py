"""From pairs to atoms and systems."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from ase.data import chemical_symbols

from alchemi_core.errors import GeometryError
from alchemi_core.neighbors.geometry import pair_vectors

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.view import ModelView


@attrs.frozen(eq=False)
class Edges:
    """Pairs of atoms with their distances.

    Parameters
    ----------
    first, second : Tensor [E], int64
        The two atoms i and j.
    distance : Tensor [E], Å
        On the graph of positions and cell.
    half : bool
        Whether each pair is there once, rather than in both directions.
    """

    first: Tensor
    second: Tensor
    distance: Tensor
    half: bool

    @classmethod
    def of(cls, view: ModelView, who: str) -> Edges:
        """Measure the pairs of the view's neighbor list.

        Raises
        ------
        GeometryError
            If two atoms are at one place.
        """
        vectors = pair_vectors(view.positions, view.cell, view.neighbors, view.batch_idx)
        first, second = view.neighbors.neighbor_list.long().unbind(1)
        # a product with ones: torch reduces an inner axis of three an order of magnitude slower
        squared = (vectors * vectors) @ vectors.new_ones(3)
        if bool((squared == 0).any()):
            edge = int((squared == 0).nonzero()[0])
            raise at_one_place(view, int(first[edge]), int(second[edge]), who)
        return cls(first, second, squared.sqrt(), view.neighbors.half_list)

    def where(self, keep: Tensor) -> Edges:
        """Return some of the pairs: `keep` is Tensor [E], bool."""
        rows = keep.nonzero().flatten()
        first, second, distance = (t.index_select(0, rows) for t in (self.first, self.second, self.distance))
        return Edges(first, second, distance, self.half)

    def per_atom(self, energies: Tensor, num_atoms: int) -> Tensor:
        """Give half of each pair's energy to each of its atoms: Tensor [N], eV."""
        atoms = energies.new_zeros(num_atoms).index_add(0, self.first, 0.5 * energies)
        return atoms.index_add(0, self.second, 0.5 * energies) if self.half else atoms


def per_system(values: Tensor, systems: Tensor, view: ModelView) -> Tensor:
    """Sum values that belong to systems: Tensor [B, 1], eV."""
    return values.new_zeros(view.num_systems).index_add(0, systems, values)[:, None]


def atom_label(view: ModelView, atom: int) -> str:
    """Name an atom of the batch as its user counts: ``atom 3 (Cu) of system 0``."""
    system = int(view.batch_idx[atom])
    symbol = chemical_symbols[int(view.atomic_numbers[atom])]
    return f"atom {atom - view.ptr[system]} ({symbol}) of system {system}"


def at_one_place(view: ModelView, first: int, second: int, who: str) -> GeometryError:
    """Make the error for two atoms without a distance."""
    return GeometryError(
        f"{atom_label(view, first)} and {atom_label(view, second)} are at one place",
        expected="a distance above zero",
        who=who,
        fix="remove the duplicate atom, or check the cell",
    )
