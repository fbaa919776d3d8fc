"""Lists as sets of (i, j, S), read entry by entry and independently of the code under test."""

from __future__ import annotations

import itertools

import torch

from alchemi_core.neighbors.lists import CooList


def rows(neighbors):
    """Every pair of a list as (i, j, S1, S2, S3), after checks of what the format promises."""
    return coo_rows(neighbors) if isinstance(neighbors, CooList) else matrix_rows(neighbors)


def coo_rows(neighbors):
    for tensor in (neighbors.neighbor_list, neighbors.neighbor_list_shifts, neighbors.edge_ptr):
        assert tensor.dtype == torch.int32
    found = [(*pair, *shift) for pair, shift in zip(*_lists(neighbors), strict=True)]
    firsts = [row[0] for row in found]
    assert firsts == sorted(firsts)
    counts = [firsts.count(atom) for atom in range(neighbors.num_atoms)]
    edges = neighbors.edge_ptr.tolist()
    assert edges[0] == 0
    assert [after - before for before, after in itertools.pairwise(edges)] == counts
    return as_set(found)


def matrix_rows(neighbors):
    for tensor in (neighbors.neighbor_matrix, neighbors.neighbor_matrix_shifts, neighbors.num_neighbors):
        assert tensor.dtype == torch.int32
    found = []
    entries = zip(
        neighbors.neighbor_matrix.tolist(),
        neighbors.neighbor_matrix_shifts.tolist(),
        neighbors.num_neighbors.tolist(),
        strict=True,
    )
    for i, (row, shifts, count) in enumerate(entries):
        assert row[count:] == [neighbors.num_atoms] * (len(row) - count)
        assert shifts[count:] == [[0, 0, 0]] * (len(row) - count)
        found += [(i, j, *shift) for j, shift in zip(row[:count], shifts[:count], strict=True)]
    return as_set(found)


def as_set(found):
    unique = set(found)
    assert len(unique) == len(found), "a pair is listed twice"
    return unique


def reverse(row):
    i, j, *shift = row
    return (j, i, *(-s for s in shift))


def _lists(neighbors):
    return neighbors.neighbor_list.tolist(), neighbors.neighbor_list_shifts.tolist()
