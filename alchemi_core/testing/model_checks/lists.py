"""Whether a model reads its neighbor list as a set of pairs, however they are laid out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import torch

from alchemi_core.neighbors.config import NeighborListFormat
from alchemi_core.neighbors.formats import to_coo, to_matrix
from alchemi_core.neighbors.lists import CooList, MatrixList
from alchemi_core.neighbors.validity import check_list
from alchemi_core.testing.comparing import compare, noted
from alchemi_core.testing.model_checks.answers import declared_for
from alchemi_core.testing.promises import Promise

if TYPE_CHECKING:
    from collections.abc import Callable

    from alchemi_core.neighbors.lists import NeighborList
    from alchemi_core.testing.specimens import Specimen

WIDER = 3
"""Columns of a matrix beyond those that its fullest row needs."""


def _with_other_list(specimen: Specimen, change: Callable[[Any], NeighborList], what: str, fix: str) -> str:
    """Compare what a model gives with its list and with one that holds the same pairs."""
    deviations = []
    for structure in specimen.structures:
        listed = specimen.listed(specimen.of(structure))
        changed = listed.with_neighbors(change(listed.neighbors[0]))
        check_list(changed.neighbors[0], changed)
        names = declared_for(specimen, listed)
        found, expected = (specimen.raw(one, names) for one in (changed, listed))
        off = compare(
            found,
            {name: expected[name] for name in names},
            f"{structure}, {what}",
            within=specimen.within(1e-9),
            fix=fix,
        )
        deviations.append((off, structure.name))
    return noted(deviations)


def check_padding(specimen: Specimen) -> str:
    """Give a matrix with more columns than are needed."""
    fix = "padding is the atom count, in the columns from num_neighbors[i] on: mask it, and what it gathers"
    return _with_other_list(specimen, padded, f"{WIDER} more columns of padding", fix)


def padded(matrix: MatrixList) -> MatrixList:
    """Return a matrix with further columns of padding."""
    spare = matrix.neighbor_matrix.new_full((matrix.num_atoms, WIDER), matrix.num_atoms)
    shifts = matrix.neighbor_matrix_shifts.new_zeros((matrix.num_atoms, WIDER, 3))
    return attrs.evolve(
        matrix,
        neighbor_matrix=torch.cat([matrix.neighbor_matrix, spare], 1),
        neighbor_matrix_shifts=torch.cat([matrix.neighbor_matrix_shifts, shifts], 1),
    )


def check_pair_order(specimen: Specimen) -> str:
    """Give the pairs of each atom in another order."""
    fix = "pairs are sorted by i and by nothing else"
    return _with_other_list(specimen, reordered, "pairs of each atom in another order", fix)


def reordered(neighbors: NeighborList) -> NeighborList:
    """Return a list with the pairs of each atom in the opposite order."""
    if isinstance(neighbors, CooList):
        count = neighbors.neighbor_list.shape[0]
        backward = torch.arange(count - 1, -1, -1, device=neighbors.neighbor_list.device)
        order = backward[torch.argsort(neighbors.neighbor_list[backward, 0], stable=True)]
        pairs, shifts = neighbors.neighbor_list[order], neighbors.neighbor_list_shifts[order]
        return attrs.evolve(neighbors, neighbor_list=pairs, neighbor_list_shifts=shifts)
    width = neighbors.neighbor_matrix.shape[1]
    columns = torch.arange(width, device=neighbors.neighbor_matrix.device).expand(neighbors.num_atoms, width)
    last = neighbors.num_neighbors.long()[:, None] - 1
    order = torch.where(columns <= last, last - columns, columns)
    return attrs.evolve(
        neighbors,
        neighbor_matrix=neighbors.neighbor_matrix.gather(1, order),
        neighbor_matrix_shifts=neighbors.neighbor_matrix_shifts.gather(1, order[:, :, None].expand(-1, -1, 3)),
    )


def check_half_direction(specimen: Specimen) -> str:
    """Give a half list in which every pair points the other way."""
    fix = "a half list holds one of (i, j, S) and (j, i, −S), whichever: count it once, for both atoms"
    return _with_other_list(specimen, turned, "every pair of the half list the other way round", fix)


def turned(neighbors: NeighborList) -> NeighborList:
    """Return a half list with every pair (i, j, S) as (j, i, −S)."""
    pairs = to_coo(neighbors)
    other = pairs.neighbor_list.flip(1)
    order = torch.argsort(other[:, 0], stable=True)
    counts = torch.bincount(other[:, 0], minlength=pairs.num_atoms)
    edges = torch.zeros_like(pairs.edge_ptr)
    torch.cumsum(counts, 0, dtype=edges.dtype, out=edges[1:])
    shifts = -pairs.neighbor_list_shifts[order]
    turned_pairs = attrs.evolve(pairs, neighbor_list=other[order], neighbor_list_shifts=shifts, edge_ptr=edges)
    return to_matrix(turned_pairs) if isinstance(neighbors, MatrixList) else turned_pairs


def _reads_list(specimen: Specimen) -> bool:
    return specimen.config.needs_neighborlist


def _reads_matrix(specimen: Specimen) -> bool:
    need = specimen.config.neighbor_config
    own = need is not None and need.format is NeighborListFormat.MATRIX and need.width is None
    return own and not specimen.is_pipeline


def _reads_half(specimen: Specimen) -> bool:
    need = specimen.config.neighbor_config
    return need is not None and need.half_list and not specimen.is_pipeline


CHECKS = (
    Promise(
        "pair-order",
        "the order of an atom's pairs means nothing",
        check_pair_order,
        lambda specimen: _reads_list(specimen) and not specimen.is_pipeline,
    ),
    Promise("padding", "columns of padding are ignored", check_padding, _reads_matrix),
    Promise("half-direction", "a half list may hold either direction of a pair", check_half_direction, _reads_half),
)
