"""The builder: the cell-list search of nvalchemi-toolkit-ops, with the edge of the cutoff settled by own kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from nvalchemiops.torch.neighbors.batch_cell_list import batch_query_cell_list

from alchemi_core.neighbors.building import check_geometry
from alchemi_core.neighbors.lists import CooList
from alchemi_neighbors_warp.grids import Grid
from alchemi_neighbors_warp.pairs import write_pairs
from alchemi_neighbors_warp.rows import Rows, Rule

if TYPE_CHECKING:
    from alchemi_core.data.batch import Batch


def build(batch: Batch, cutoff: float, skin: float) -> CooList:
    """Build the full list of all pairs with ``|d| < cutoff + skin``, sorted by i, in the same order in every run.

    Distances are those of the positions' values in float64, whatever the batch's dtype, rounded as the core does.

    Parameters
    ----------
    batch : Batch
        Any mix of crystals, slabs and molecules; atoms may lie outside their cell.
    cutoff : float, Å
        What readers may ask of the list.
    skin : float, Å
        How much further the list reaches.

    Raises
    ------
    GeometryError
        If a position or cell is not finite, a cell is singular along periodic directions, or shifts do not fit int32.
    NeighborError
        If there are more pairs than int32 can count.
    """
    check_geometry(batch)
    reach = cutoff + skin
    if batch.num_atoms == 0:
        return _empty(batch, cutoff, skin)
    grid = Grid.of(batch, reach)
    rows = _search(grid, grid.room)
    most = int(rows.starts.max())
    if most > grid.room:
        rows = _search(grid, most)
    found = write_pairs(rows, Rule.of(batch, reach, measure=True, halve=False), None, torch.int32)
    return CooList(
        cutoff=cutoff,
        half_list=False,
        skin=skin,
        neighbor_list=found.pairs,
        neighbor_list_shifts=found.shifts,
        edge_ptr=found.pointer,
    )


def _search(grid: Grid, room: int) -> Rows:
    """Find neighbors up to the grid's reach; rows with more than there is room for keep as many and count all."""
    frame = grid.frame
    atoms, device = frame.positions.shape[0], frame.positions.device
    matrix = torch.empty(atoms, room, dtype=torch.int32, device=device)
    shifts = torch.empty(atoms, room, 3, dtype=torch.int32, device=device)
    counts = torch.zeros(atoms, dtype=torch.int32, device=device)
    batch_query_cell_list(
        frame.positions,
        frame.cells,
        frame.pbc,
        grid.reach,
        frame.systems.int(),
        cells_per_dimension=grid.bins,
        neighbor_search_radius=grid.radii,
        atom_periodic_shifts=grid.away,
        atom_to_cell_mapping=grid.places,
        atoms_per_cell_count=grid.occupants,
        cell_atom_start_indices=grid.starts,
        cell_atom_list=grid.atoms,
        neighbor_matrix=matrix,
        neighbor_matrix_shifts=shifts,
        num_neighbors=counts,
        # the other strategies count up places by atomics: another order in every run
        strategy="atom_centric",
        atom_centric_path="sorted",
        cached_cell_offsets=grid.offsets,
        cached_cells_per_system=grid.bins.prod(1),
    )
    return Rows(matrix, shifts, counts, coo=False)


def _empty(batch: Batch, cutoff: float, skin: float) -> CooList:
    none = torch.zeros(1, 5, dtype=torch.int32, device=batch.device)
    return CooList(
        cutoff=cutoff,
        half_list=False,
        skin=skin,
        neighbor_list=none[:0, :2],
        neighbor_list_shifts=none[:0, :3],
        edge_ptr=none[0, :1],
    )
