"""Pairs to matrix and back, full to half and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from alchemi_core.neighbors.building import build
from alchemi_core.neighbors.formats import to_coo, to_matrix
from alchemi_core.neighbors.halves import to_full, to_half

from .pairs import reverse, rows
from .systems import CUTOFFS, batches


@settings(max_examples=60, deadline=None)
@given(batch=batches(), cutoff=CUTOFFS)
def test_every_conversion_keeps_the_pairs(batch, cutoff):
    full = build(batch, cutoff, 0.0)
    expected, half = rows(full), to_half(full)
    for source in (full, to_matrix(full)):
        assert rows(to_matrix(source)) == expected
        assert rows(to_coo(source)) == expected
        assert rows(to_half(source)) == rows(half)
        back = to_full(to_half(source))
        assert rows(back) == expected
        assert type(back) is type(source)


@settings(max_examples=60, deadline=None)
@given(batch=batches(), cutoff=CUTOFFS)
def test_half_holds_one_of_each_two_directions(batch, cutoff):
    full = build(batch, cutoff, 0.0)
    half = to_half(full)
    kept = rows(half)
    assert half.half_list
    assert kept | {reverse(row) for row in kept} == rows(full)
    assert not kept & {reverse(row) for row in kept}


def test_half_of_self_images_is_one_of_each_two(argon):
    full = build(argon([0.0, 0.0, 0.0], np.eye(3)), 1.5, 0.0)
    assert full.num_pairs == 18
    assert to_half(full).num_pairs == 9


def test_a_matrix_is_as_wide_as_its_fullest_row(argon):
    full = build(argon([[0, 0, 0], [1, 0, 0], [-1, 0, 0], [9, 9, 9]]), 1.5, 0.0)
    matrix = to_matrix(full)
    assert matrix.neighbor_matrix.shape == (4, 2)
    assert set(matrix.neighbor_matrix[0].tolist()) == {1, 2}
    assert matrix.neighbor_matrix[1:].tolist() == [[0, 4], [0, 4], [4, 4]]
    assert matrix.num_neighbors.tolist() == [2, 1, 1, 0]


@pytest.mark.parametrize("convert", [to_matrix, to_coo, to_half, to_full])
def test_what_a_list_says_of_itself_survives(batch, convert):
    converted = convert(to_half(build(batch, 3.0, 0.4)) if convert is to_full else build(batch, 3.0, 0.4))
    assert (converted.cutoff, converted.skin, converted.half_list) == (3.0, 0.4, convert is to_half)


def test_a_list_already_right_comes_back_itself(batch):
    full = build(batch, 3.0, 0.0)
    half, matrix = to_half(full), to_matrix(full)
    assert to_coo(full) is full
    assert to_full(full) is full
    assert to_half(half) is half
    assert to_matrix(matrix) is matrix
