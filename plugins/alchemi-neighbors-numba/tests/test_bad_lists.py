"""Lists that are not well formed are refused, since kernels would read beyond their ends."""

from __future__ import annotations

import itertools

import attrs
import numpy as np
import pytest
import torch
from alchemi_neighbors_numba.choosing import MALFORMED, choose
from alchemi_neighbors_numba.converting import convert

from alchemi_core.errors import NeighborError
from alchemi_core.neighbors import building
from alchemi_core.neighbors.config import NeighborConfig, NeighborListFormat
from alchemi_core.neighbors.formats import to_matrix
from alchemi_core.neighbors.halves import to_half
from alchemi_core.testing.neighbor_cases import batch_of

COO, MATRIX = NeighborListFormat.COO, NeighborListFormat.MATRIX


@pytest.fixture(scope="module")
def batch():
    places = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.5, 0.0], [0.5, 0.5, 0.5]])
    return batch_of([(places, np.zeros((3, 3)), (False,) * 3)], torch.float64, "cpu")


@pytest.fixture(scope="module")
def coo(batch):
    return building.build(batch, 2.0, 0.0)


def refused(source, batch, *needs):
    for need in needs:
        with pytest.raises(NeighborError, match="rows that leave the list"):
            convert(source, batch, need, False)


@pytest.mark.parametrize("atom", [-1, 4, 2**31 - 1])
@pytest.mark.parametrize("half", [False, True])
def test_atoms_that_are_none(batch, coo, atom, half):
    source = to_half(coo) if half else coo
    pairs = source.neighbor_list.clone()
    pairs[2, 1] = atom
    broken = attrs.evolve(source, neighbor_list=pairs)
    measured = [NeighborConfig(1.6, layout, half) for layout in (COO, MATRIX)]
    refused(broken, batch, *measured)
    refused(to_matrix(broken), batch, *measured)
    if half:
        refused(broken, batch, NeighborConfig(2.0), NeighborConfig(2.0, MATRIX))


@pytest.mark.parametrize(
    "pointers",
    [[0, 3, 6, 9, 13], [0, 3, 6, 9, 8], [1, 3, 6, 9, 12], [0, 9, 6, 9, 12], [-3, 3, 6, 9, 12], [0, 40, 6, 9, 12]],
)
def test_row_pointers_that_lead_nowhere(batch, coo, pointers):
    assert coo.edge_ptr.tolist() == [0, 3, 6, 9, 12]
    broken = attrs.evolve(coo, edge_ptr=torch.tensor(pointers, dtype=torch.int32))
    refused(
        broken,
        batch,
        *(
            NeighborConfig(*kind)
            for kind in itertools.product((1.6, 2.0), (COO, MATRIX), (False, True))
            if kind != (2.0, COO, False)
        ),
    )


@pytest.mark.parametrize("counts", [[3, 3, 3, 4], [3, -1, 3, 3], [3, 3, 3, 2**31 - 1]])
def test_counts_that_do_not_fit_their_matrix(batch, coo, counts):
    broken = attrs.evolve(to_matrix(coo), num_neighbors=torch.tensor(counts, dtype=torch.int32))
    refused(
        broken,
        batch,
        NeighborConfig(1.6),
        NeighborConfig(2.0),
        NeighborConfig(2.0, half_list=True),
        NeighborConfig(2.0, MATRIX, width=9),
    )


def test_broken_lists_are_refused_on_several_threads(batch, coo, threads):
    threads(3)
    for pointers in ([0, 11, 6, 9, 12], [0, 3, 12, 1, 12]):
        broken = attrs.evolve(coo, edge_ptr=torch.tensor(pointers, dtype=torch.int32))
        refused(broken, batch, NeighborConfig(1.6), NeighborConfig(1.6, MATRIX))


def test_pairs_beyond_what_their_type_counts(batch, coo, monkeypatch):
    monkeypatch.setattr("alchemi_core.neighbors.capacity.MAX_PAIRS", 11)
    for source in (to_half(coo), to_matrix(coo)):
        assert convert(source, batch, NeighborConfig(2.0, index_dtype="int64"), False).num_pairs == 12
        with pytest.raises(NeighborError, match="12 pairs"):
            convert(source, batch, NeighborConfig(2.0), False)


def test_nothing_is_written_beyond_the_room_for_columns(batch, coo):
    """A part of the rows that has more entries than its neighbors' pointers say."""
    memory = np.full(64, -7, np.int32)
    pointers = np.array([0, 11, 6, 9, 12])
    none, places = np.zeros(0, np.int64), batch.positions.numpy().reshape(-1)
    atoms, shifts = coo.neighbor_list.numpy().reshape(-1), coo.neighbor_list_shifts.numpy().reshape(-1)
    layout = (pointers, -1, atoms, np.uintp(2), shifts)
    geometry = (places, batch.batch_idx.numpy(), np.zeros((0, 3, 3)))
    assert choose(0, 1, *layout, *geometry, 9.0, False, np.zeros(4, np.int64), memory[:5], none) == MALFORMED
    assert (memory[5:] == -7).all()
