"""Builders with one defect each, of the kinds that real ones have."""

from __future__ import annotations

import math

import attrs
import numpy as np
import torch

from alchemi_core.neighbors import building
from alchemi_core.neighbors.formats import with_index_dtype
from alchemi_core.neighbors.geometry import pair_vectors
from alchemi_core.neighbors.halves import to_half
from alchemi_core.testing.pair_tables import rows_of

from .changing import chosen, rewritten


def drops_a_pair(batch, cutoff, skin):
    built = building.build(batch, cutoff, skin)
    return chosen(built, torch.arange(built.num_pairs) != 0)


def includes_the_cutoff(batch, cutoff, skin):
    return attrs.evolve(building.build(batch, math.nextafter(cutoff, math.inf), skin), cutoff=cutoff)


def forgets_own_images(batch, cutoff, skin):
    built = building.build(batch, cutoff, skin)
    return chosen(built, built.neighbor_list[:, 0] != built.neighbor_list[:, 1])


def knows_nearest_images_only(batch, cutoff, skin):
    """Minimum image convention: the first of each i and j."""
    built = building.build(batch, cutoff, skin)
    rows = rows_of(built)
    _, first = np.unique(rows[:, :2], axis=0, return_index=True)
    return rewritten(built, rows[first])


def loses_the_wrapping(batch, cutoff, skin):
    """Wraps atoms into the cell and gives shifts for where it put them."""
    inverse = torch.linalg.pinv(batch.cell)[batch.batch_idx]
    inside = torch.floor(torch.einsum("ni,nij->nj", batch.positions, inverse)) * batch.pbc[batch.batch_idx]
    moved = batch.positions - torch.einsum("ni,nij->nj", inside, batch.cell[batch.batch_idx])
    return building.build(batch.with_fields(positions=moved), cutoff, skin)


def gives_one_direction(batch, cutoff, skin):
    return attrs.evolve(to_half(building.build(batch, cutoff, skin)), half_list=False)


def joins_systems(batch, cutoff, skin):
    """Looks at all atoms without a cell as if they were one molecule."""
    together = attrs.evolve(batch, batch_idx=batch.batch_idx * 0, num_systems=1, cell=None, pbc=None)
    found = [rows_of(building.build(one, cutoff, skin)) for one in (batch, together)]
    return rewritten(building.build(batch, cutoff, skin), np.unique(np.concatenate(found), axis=0))


def takes_all_directions_as_periodic(batch, cutoff, skin):
    return building.build(batch.with_fields(pbc=(batch.cell != 0).any(2)), cutoff, skin)


def takes_one_place_for_one_atom(batch, cutoff, skin):
    built = building.build(batch, cutoff, skin)
    return chosen(built, pair_vectors(batch.positions, batch.cell, built, batch.batch_idx).norm(dim=1) > 1e-8)


def lists_a_pair_twice(batch, cutoff, skin):
    built = building.build(batch, cutoff, skin)
    rows = rows_of(built)
    return rewritten(built, np.concatenate([rows, rows[:1]]))


def is_not_sorted(batch, cutoff, skin):
    built = building.build(batch, cutoff, skin)
    order = torch.argsort(built.neighbor_list[:, 1], stable=True)
    return attrs.evolve(
        built, neighbor_list=built.neighbor_list[order], neighbor_list_shifts=built.neighbor_list_shifts[order]
    )


def forgets_the_skin(batch, cutoff, skin):
    return attrs.evolve(building.build(batch, cutoff, 0.0), skin=skin)


def does_not_say_its_skin(batch, cutoff, skin):
    return attrs.evolve(building.build(batch, cutoff, skin), skin=0.0)


def gives_wide_integers(batch, cutoff, skin):
    return with_index_dtype(building.build(batch, cutoff, skin), "int64")


def measures_in_single_precision(batch, cutoff, skin):
    built = building.build(batch, cutoff * 1.001, skin)
    d = pair_vectors(batch.positions.float(), batch.cell.float(), built, batch.batch_idx)
    return attrs.evolve(chosen(built, d.square().sum(1) < (cutoff + skin) ** 2), cutoff=cutoff)


def wraps_in_place(batch, cutoff, skin):
    built = building.build(batch, cutoff, skin)
    batch.positions.remainder_(4.0)
    return built


def ignores_what_is_not_a_number(batch, cutoff, skin):
    fields = {name: torch.nan_to_num(batch.get(name), posinf=0.0) for name in ("positions", "cell")}
    return building.build(batch.with_fields(**fields), cutoff, skin)


class KeepsItsBuffer:
    """Writes every list into the memory of the one before, where it fits."""

    def __init__(self):
        self.memory = torch.zeros(10_000, 2, dtype=torch.int32)

    def __call__(self, batch, cutoff, skin):
        built = building.build(batch, cutoff, skin)
        if built.num_pairs > len(self.memory):
            return built
        self.memory[: built.num_pairs] = built.neighbor_list
        return attrs.evolve(built, neighbor_list=self.memory[: built.num_pairs])
