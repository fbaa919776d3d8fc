"""Bonds that the border of a region cuts: there are no link atoms to take the place of what is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_core.data.batch import Batch
from alchemi_core.errors import CompositionError
from alchemi_core.neighbors.building import build
from alchemi_core.neighbors.geometry import filled
from alchemi_core.neighbors.lists import CooList

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.view import ModelView
    from alchemi_core.neighbors.lists import NeighborList
    from alchemi_core.regions.region import Region

BONDED = 1.25
"""Atoms closer than so many times the sum of their covalent radii count as bonded."""

MAX_LISTED = 6
"""Bonds that an error lists before it counts the others."""


def check_border(region: Region, inside: Tensor, view: ModelView) -> None:
    """Refuse a region whose border runs between bonded atoms.

    Radii are those of ``ase.data.covalent_radii``. Pairs come from the list that the step reads where that reaches as
    far as the longest bond there could be across the border, else from one built for this: either way in time that
    grows as the number of atoms.

    Parameters
    ----------
    region : Region
        For the error.
    inside : Tensor [N], bool
        Its atoms.
    view : ModelView
        The whole systems, with the list of the step.

    Raises
    ------
    CompositionError
        Names the bonds.
    """
    if not inside.any() or inside.all():
        return
    radii = _radii(view)
    reach = BONDED * float(radii[inside].max() + radii[~inside].max())
    i, j, distances = _across(_pairs(view, reach), inside, view)
    near = distances < BONDED * (radii[i] + radii[j])
    if bool(near.any()):
        raise _cut(region, i[near].tolist(), j[near].tolist(), view)


def _radii(view: ModelView) -> Tensor:
    from ase.data import covalent_radii

    table = torch.as_tensor(covalent_radii, dtype=torch.float64, device=view.positions.device)
    return table.index_select(0, view.atomic_numbers.clamp(0, table.shape[0] - 1))


def _pairs(view: ModelView, reach: float) -> NeighborList:
    """Return a list of the whole that reaches as far as bonds do."""
    if view.neighbors is not None and view.neighbors.cutoff >= reach:
        brought: NeighborList = view.neighbors
        return brought
    batch = Batch(
        positions=view.positions.detach(),
        atomic_numbers=view.atomic_numbers,
        batch_idx=view.batch_idx,
        num_systems=view.num_systems,
        cell=None if view.cell is None else view.cell.detach(),
        pbc=view.pbc,
    )
    return build(batch, reach, 0.0)


def _across(neighbors: NeighborList, inside: Tensor, view: ModelView) -> tuple[Tensor, Tensor, Tensor]:
    """Return the pairs with one end inside, and how far apart they are."""
    pairs, shifts = _flat(neighbors)
    ends = inside[pairs]
    crossing = (ends[:, 0] != ends[:, 1]).nonzero().squeeze(1)
    i, j = pairs.index_select(0, crossing).unbind(1)
    at = view.positions.detach().double()
    vectors = at.index_select(0, j) - at.index_select(0, i)
    if view.cell is not None:
        cells = view.cell.detach().double().index_select(0, view.batch_idx.index_select(0, i))
        vectors = vectors + (shifts.index_select(0, crossing).double()[:, None] @ cells)[:, 0]
    return i, j, vectors.norm(dim=1)


def _flat(neighbors: NeighborList) -> tuple[Tensor, Tensor]:
    if isinstance(neighbors, CooList):
        return neighbors.neighbor_list.long(), neighbors.neighbor_list_shifts
    i, column = filled(neighbors).nonzero().unbind(1)
    j = neighbors.neighbor_matrix[i, column].long()
    return torch.stack([i, j], dim=1), neighbors.neighbor_matrix_shifts[i, column]


def _cut(region: Region, i: list[int], j: list[int], view: ModelView) -> CompositionError:
    bonds = sorted({(min(pair), max(pair)) for pair in zip(i, j, strict=True)})
    named = ", ".join(_named(bond, view) for bond in bonds[:MAX_LISTED])
    more = f" and {len(bonds) - MAX_LISTED} more" if len(bonds) > MAX_LISTED else ""
    return CompositionError(
        f"its border cuts {'a bond' if len(bonds) == 1 else f'{len(bonds)} bonds'}: {named}{more}, "
        f"closer than {BONDED:g} times the sum of the covalent radii",
        expected="whole molecules: there are no link atoms to end cut bonds with",
        who=f"region {region}",
        fix="take all atoms of a molecule or none; where nothing covalent is cut, as in metals and ionic crystals, "
        "Region(..., cut_bonds=True)",
    )


def _named(bond: tuple[int, int], view: ModelView) -> str:
    """Return a bond as ``C3-C4``, numbers counted in its system."""
    from ase.data import chemical_symbols

    system = int(view.batch_idx[bond[0]])
    start = view.ptr[system]
    ends = [f"{chemical_symbols[int(view.atomic_numbers[atom])]}{atom - start}" for atom in bond]
    return "-".join(ends) + (f" (system {system})" if view.num_systems > 1 else "")
