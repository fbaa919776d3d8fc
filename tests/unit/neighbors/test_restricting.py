"""A list of some atoms is the list that is built for these atoms alone."""

import pytest
import torch
from support.structures import batch_of, ethanol, left_handed, outside, salt, slab_without_height, water

from alchemi_core.data.batch import Batch
from alchemi_core.neighbors.brute_force import build
from alchemi_core.neighbors.formats import to_matrix, with_index_dtype
from alchemi_core.neighbors.halves import to_half
from alchemi_core.neighbors.lists import CooList
from alchemi_core.neighbors.restricting import restrict
from alchemi_core.neighbors.validity import check_list

CUTOFF = 5.0


def everything():
    return batch_of(salt(), water(), outside(), slab_without_height(), ethanol(), left_handed(), salt()[:0])


def part_of(batch, atoms):
    return Batch(
        positions=batch.positions[atoms],
        atomic_numbers=batch.atomic_numbers[atoms],
        batch_idx=batch.batch_idx[atoms],
        num_systems=batch.num_systems,
        cell=batch.cell,
        pbc=batch.pbc,
    )


def rows(neighbors):
    """Every pair with its shift, sorted."""
    if isinstance(neighbors, CooList):
        pairs, shifts = neighbors.neighbor_list, neighbors.neighbor_list_shifts
    else:
        found = [
            (i, int(neighbors.neighbor_matrix[i, k]), *neighbors.neighbor_matrix_shifts[i, k].tolist())
            for i, count in enumerate(neighbors.num_neighbors.tolist())
            for k in range(count)
        ]
        return sorted(found)
    return sorted((*pair, *shift) for pair, shift in zip(pairs.tolist(), shifts.tolist(), strict=True))


PARTS = {
    "every second": slice(None, None, 2),
    "one": [4],
    "none": [],
    "all": slice(None),
    "two systems": [0, 1, 9, 10, 11],
}


@pytest.fixture(params=PARTS, ids=str)
def atoms(request):
    return torch.arange(everything().num_atoms)[PARTS[request.param]].long()


@pytest.mark.parametrize("half", [False, True], ids=["full", "half"])
@pytest.mark.parametrize("layout", ["pairs", "matrix", "wide matrix", "int64"])
def test_it_is_the_list_of_the_part(atoms, half, layout):
    batch = everything()
    part = part_of(batch, atoms)

    def listed(of):
        neighbors = build(of, CUTOFF, 0.0)
        neighbors = to_half(neighbors) if half else neighbors
        if layout == "int64":
            return with_index_dtype(neighbors, "int64")
        return neighbors if layout == "pairs" else to_matrix(neighbors, 90 if layout.startswith("wide") else None)

    whole, expected = listed(batch), listed(part)
    cut = restrict(whole, atoms)
    check_list(cut, part)
    assert (cut.cutoff, cut.half_list, cut.skin, cut.format) == (CUTOFF, half, 0.0, whole.format)
    assert rows(cut) == rows(expected)
    kept = [name for name in ("neighbor_list", "neighbor_matrix", "num_neighbors", "edge_ptr") if hasattr(cut, name)]
    assert {getattr(cut, name).dtype for name in kept} == {getattr(whole, name).dtype for name in kept}
