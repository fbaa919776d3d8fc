"""The converter against the core's own chain of conversions, tensor by tensor, order included."""

from __future__ import annotations

import itertools

import attrs
import numpy as np
import pytest
import torch
from alchemi_neighbors_numba.converting import convert
from hypothesis import given
from hypothesis import strategies as st

from alchemi_core.data.batch import Batch
from alchemi_core.errors import NeighborError
from alchemi_core.neighbors import building
from alchemi_core.neighbors.config import NeighborConfig, NeighborListFormat
from alchemi_core.neighbors.formats import to_matrix, with_index_dtype
from alchemi_core.neighbors.halves import to_half
from alchemi_core.testing.neighbor_cases import batch_of
from alchemi_core.testing.neighbor_checks import check_converter
from alchemi_core.testing.neighbor_suite import composed
from alchemi_core.testing.pair_tables import displaced, tensors_of
from alchemi_core.testing.source_lists import make_source

from .structures import DTYPES, INDEX_DTYPES, LAYOUTS, cases, sources

COO, MATRIX = NeighborListFormat.COO, NeighborListFormat.MATRIX
reference = composed()


def assert_same(found, expected):
    assert type(found) is type(expected)
    assert (found.cutoff, found.skin, found.half_list) == (expected.cutoff, expected.skin, expected.half_list)
    theirs = tensors_of(expected)
    for name, tensor in tensors_of(found).items():
        assert tensor.dtype == theirs[name].dtype
        assert tensor.shape == theirs[name].shape
        assert torch.equal(tensor, theirs[name]), name


@given(case=cases(), dtype=DTYPES, kind=sources(), layout=LAYOUTS, half=st.booleans(), index_dtype=INDEX_DTYPES)
def test_any_list_becomes_the_same_as_in_the_core(case, dtype, kind, layout, half, index_dtype):
    need = NeighborConfig(case.cutoff, layout, half, index_dtype=index_dtype)
    source = make_source(kind, case, case.cutoff, dtype)
    batch = displaced(case.make(dtype, "cpu"), kind.skin if kind.moved else 0.0)
    assert_same(convert(source, batch, need, kind.moved), reference(source, batch, need, kind.moved))


@given(case=cases(), dtype=DTYPES, kind=sources(), layout=LAYOUTS, half=st.booleans())
def test_pairs_are_those_of_brute_force(case, dtype, kind, layout, half):
    check_converter(convert, case, NeighborConfig(case.cutoff, layout, half), kind, dtype)


@given(case=cases(), kind=sources(), spare=st.integers(-2, 3), half=st.booleans())
def test_a_fixed_width_is_kept_or_refused_as_in_the_core(case, kind, spare, half):
    source = make_source(kind, case, case.cutoff, torch.float64)
    batch = displaced(case.make(torch.float64, "cpu"), kind.skin if kind.moved else 0.0)
    free = reference(source, batch, NeighborConfig(case.cutoff, MATRIX, half), kind.moved)
    fullest = int(free.num_neighbors.max()) if batch.num_atoms else 0
    need = NeighborConfig(case.cutoff, MATRIX, half, width=max(1, fullest + spare))
    if need.width >= fullest:
        assert_same(convert(source, batch, need, kind.moved), reference(source, batch, need, kind.moved))
        return
    with pytest.raises(NeighborError) as ours:
        convert(source, batch, need, kind.moved)
    assert f"has {fullest} neighbors" in ours.value.found
    assert f"at most {need.width}" in ours.value.expected


@pytest.fixture(scope="module")
def crowd():
    """A crystal of 300 atoms beside two small systems, with rows longer than what the kernel looks at in one go."""
    rng = np.random.default_rng(7)
    cell = np.array([[9.0, 0.5, 0.0], [-1.0, 8.0, 0.3], [0.2, 0.4, 8.5]])
    batch = batch_of(
        [
            (rng.uniform(0.0, 1.0, (300, 3)) @ cell, cell, (True, True, True)),
            (rng.uniform(0.0, 4.0, (40, 3)), np.zeros((3, 3)), (False, False, False)),
            (rng.uniform(0.0, 2.0, (5, 3)), 2.0 * np.eye(3), (True, False, True)),
        ],
        torch.float64,
        "cpu",
    )
    return batch, building.build(batch, 6.0, 0.5)


def every_source(coo):
    for layout, half, index_dtype in itertools.product((COO, MATRIX), (False, True), ("int32", "int64")):
        source = to_half(coo) if half else coo
        yield with_index_dtype(to_matrix(source) if layout is MATRIX else source, index_dtype)


def every_need(cutoff):
    for layout, half, index_dtype in itertools.product((COO, MATRIX), (False, True), ("int32", "int64")):
        yield NeighborConfig(cutoff, layout, half, index_dtype=index_dtype)


def test_rows_longer_than_a_block(crowd):
    batch, coo = crowd
    assert int(coo.edge_ptr.diff().max()) > 2 * 256
    for source, need in itertools.product(every_source(coo), every_need(5.5)):
        assert_same(convert(source, batch, need, True), reference(source, batch, need, True))


def test_results_do_not_depend_on_the_number_of_threads(crowd, threads):
    batch, coo = crowd
    exact = building.build(batch, 5.0, 0.0)
    calls = [(source, need, True) for source, need in itertools.product(every_source(coo), every_need(5.5))]
    calls += [(source, need, False) for source, need in itertools.product(every_source(exact), every_need(5.0))]
    threads(1)
    alone = [convert(source, batch, need, stale) for source, need, stale in calls]
    for number in (2, 5):
        threads(number)
        for (source, need, stale), expected in zip(calls, alone, strict=True):
            assert_same(convert(source, batch, need, stale), expected)


def test_more_threads_than_rows(threads):
    batch = batch_of(
        [(np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]), np.zeros((3, 3)), (False,) * 3)], torch.float64, "cpu"
    )
    threads(8)
    for layout in (COO, MATRIX):
        need = NeighborConfig(1.5, layout, half_list=True)
        coo = building.build(batch, 2.0, 0.0)
        assert_same(convert(coo, batch, need, False), reference(coo, batch, need, False))


@pytest.mark.parametrize("lattice", [0.1, 2.0, 3.3])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
def test_atoms_exactly_at_the_cutoff_are_no_neighbors(lattice, dtype):
    """A simple cubic crystal of one atom: 6 images at a, 12 at a √2, 8 at a √3."""
    a = float(torch.tensor(lattice, dtype=dtype))
    batch = batch_of([(np.zeros((1, 3)), a * np.eye(3), (True, True, True))], dtype, "cpu")
    wide = building.build(batch, 1.9 * a, 0.0)
    for layout in (COO, MATRIX):
        for cutoff, expected in ((a, 0), (np.nextafter(a, 9.0), 6), (1.5 * a, 18), (1.8 * a, 26)):
            cut = convert(wide, batch, NeighborConfig(float(cutoff), layout), False)
            counts = cut.edge_ptr.diff() if layout is COO else cut.num_neighbors
            assert counts.tolist() == [expected]


def test_shifts_of_half_a_billion_cells(search):
    """Positions and cell are whole numbers, so that distances are exact however far apart the atoms are."""
    far = float(2**29)
    places = np.array([[far, 0.0, 0.0], [1.0, 0.0, -far], [1.0, 2.0, 0.0]])
    batch = batch_of([(places, 4.0 * np.eye(3), (True, True, True))], torch.float64, "cpu")
    wide = search(batch, 5.0, 0.0)
    assert int(wide.neighbor_list_shifts.abs().max()) > 2**26
    need = NeighborConfig(3.0, MATRIX)
    assert_same(convert(wide, batch, need, False), reference(wide, batch, need, False))


def test_tensors_of_inference_mode(crowd):
    batch, coo = crowd
    need = NeighborConfig(5.0, MATRIX)
    expected = reference(coo, batch, need, True)
    with torch.inference_mode():
        inside = attrs.evolve(batch, positions=batch.positions.clone(), cell=batch.cell.clone())
        assert_same(convert(building.build(inside, 6.0, 0.5), inside, need, True), expected)
    assert inside.positions.is_inference()
    assert_same(convert(coo, inside, need, True), expected)


def test_batch_without_cell_and_without_atoms():
    nothing = Batch(
        positions=torch.zeros(0, 3),
        atomic_numbers=torch.zeros(0, dtype=torch.int64),
        batch_idx=torch.zeros(0, dtype=torch.int64),
        num_systems=0,
    )
    empty = building.build(nothing, 3.0, 0.0)
    for need in every_need(2.0):
        assert_same(convert(empty, nothing, need, False), reference(empty, nothing, need, False))
