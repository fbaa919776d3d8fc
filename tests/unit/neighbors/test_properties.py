"""Random structures of every legal kind: building, converting and keeping lists against brute force and exact integers.

The other property tests of this folder look at one function each; these at what users get, in every combination.
"""

from __future__ import annotations

import itertools
import math

import attrs
import numpy as np
import pytest
import torch
from hypothesis import Phase, assume, event, given, settings
from hypothesis import strategies as st

from alchemi_core.errors import NeighborError
from alchemi_core.neighbors import brute_force, building
from alchemi_core.neighbors.config import NeighborConfig, NeighborListFormat
from alchemi_core.neighbors.verlet import ListKeeper
from alchemi_core.testing.neighbor_cases import batch_of, case_of
from alchemi_core.testing.neighbor_checks import check_builder, check_converter
from alchemi_core.testing.neighbor_suite import composed
from alchemi_core.testing.pair_tables import half, in_order, matrix_rows, referee, rows_of, squared_lengths
from alchemi_core.testing.source_lists import SourceKind, make_source

MATRIX = NeighborListFormat.MATRIX
DTYPES = st.sampled_from([torch.float64, torch.float32])
LAYOUTS = st.sampled_from(list(NeighborListFormat))
INDEX_DTYPES = st.sampled_from(["int32", "int64"])
EIGHTHS = 8
"""Lengths that are whole eighths of an Å are added, multiplied and compared without any rounding."""

convert = composed()
# what is drawn is small already; making it smaller takes minutes, with a brute-force search for every attempt
quick = settings(deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])


def table(draw, elements, rows):
    """An array [rows, 3]."""
    return np.array(draw(st.lists(elements, min_size=3 * rows, max_size=3 * rows)), dtype=float).reshape(rows, 3)


@st.composite
def cells(draw, rng):
    """Cubic to strongly skewed, right- and left-handed, needles and plates, smaller than the cutoff or larger."""
    shape = draw(st.sampled_from([(1.6, 1.6, 1.6), (2.4, 2.4, 2.4), (5.0, 5.0, 5.0), (1.6, 1.8, 9.0), (7.0, 1.7, 7.0)]))
    skewed = np.eye(3) + draw(st.sampled_from([0.0, 0.2, 0.4])) * rng.uniform(-1.0, 1.0, (3, 3))
    assume(abs(np.linalg.det(skewed)) > 0.3)
    cell = np.array(shape)[:, None] * skewed
    return cell[draw(st.sampled_from([[0, 1, 2], [1, 0, 2], [2, 0, 1]]))]


@st.composite
def systems(draw):
    """Up to seven atoms in and around the cell, or many cells away; two of them at one place, sometimes."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    pbc = draw(st.sampled_from(list(itertools.product((True, False), repeat=3))))
    cell = draw(cells(rng))
    atoms = draw(st.sampled_from([3, 1, 0, 2, 4, 5, 6, 7]))
    places = rng.uniform(-1.5, 1.5, (atoms, 3))
    if draw(st.booleans()):
        places = places + (rng.integers(-40, 41, (atoms, 3)) * np.array(pbc)) @ cell
    if atoms > 1 and draw(st.sampled_from([False, False, True])):
        places[0] = places[-1]
    if draw(st.booleans()):
        cell = cell * np.array(pbc)[:, None]
    return places, cell, pbc


@st.composite
def cases(draw):
    """One to four systems in a batch, with a cutoff that is a distance of two atoms in half of all cases."""
    case = case_of("drawn", draw(st.sampled_from([2.2, 1.7, 1.1])), *draw(st.lists(systems(), min_size=1, max_size=4)))
    if draw(st.booleans()):
        rows = referee(case, torch.float64, case.cutoff, 0.0)
        lengths = np.sqrt(squared_lengths(rows, case.make(torch.float64, "cpu")))
        if len(lengths) and (distance := float(draw(st.sampled_from(lengths.tolist())))) > 0.3:
            return attrs.evolve(case, cutoff=distance)
    return case


@st.composite
def sources(draw):
    """Every list that can be given to a converter."""
    half_list, skin = draw(st.booleans()), draw(st.sampled_from([0.0, 0.4]))
    return SourceKind(
        draw(LAYOUTS),
        half_list,
        draw(INDEX_DTYPES),
        skin,
        moved=skin > 0.0 and draw(st.booleans()),
        wider=draw(st.sampled_from([1.0, 1.01, 1.3])),
        spare=draw(st.integers(0, 2)),
        turned=half_list and draw(st.booleans()),
        strided=draw(st.booleans()),
    )


def fullest_row(case, dtype, kind, *, halved):
    rows = referee(case, dtype, case.cutoff, kind.skin if kind.moved else 0.0)
    rows = half(rows) if halved else rows
    return int(np.bincount(rows[:, 0], minlength=1).max(initial=0))


@settings(quick, max_examples=40)
@given(case=cases(), dtype=DTYPES, skin=st.sampled_from([0.0, 0.4]))
def test_whatever_is_built_holds_the_pairs_of_brute_force(case, dtype, skin):
    check_builder(building.build, case, dtype, skin=skin, strided=True)


@settings(quick, max_examples=100)
@given(case=cases(), dtype=DTYPES, kind=sources(), layout=LAYOUTS, halved=st.booleans(), index_dtype=INDEX_DTYPES)
def test_any_list_becomes_any_other(case, dtype, kind, layout, halved, index_dtype):
    need = NeighborConfig(case.cutoff, layout, halved, index_dtype=index_dtype)
    check_converter(convert, case, need, kind, dtype)


@settings(quick, max_examples=40)
@given(case=cases(), dtype=DTYPES, kind=sources(), spare=st.integers(-2, 3), halved=st.booleans())
def test_a_fixed_width_is_kept_or_refused(case, dtype, kind, spare, halved):
    kind = attrs.evolve(kind, turned=False)
    fullest = fullest_row(case, dtype, kind, halved=halved)
    need = NeighborConfig(case.cutoff, MATRIX, halved, width=max(1, fullest + spare))
    event("fits" if need.width >= fullest else "refused")
    if need.width >= fullest:
        check_converter(convert, case, need, kind, dtype)
        return
    with pytest.raises(NeighborError, match=rf"has {fullest} neighbors"):
        check_converter(convert, case, need, kind, dtype)


@settings(quick, max_examples=40)
@given(case=cases(), dtype=DTYPES)
def test_systems_do_not_see_each_other(case, dtype):
    batch = case.make(dtype, "cpu")
    parts = [np.zeros((0, 5), dtype=np.int64)]
    for number, start in enumerate(batch.ptr[:-1]):
        alone = type(batch).from_data_list([batch[number]])
        rows = rows_of(building.build(alone, case.cutoff, 0.0))
        parts.append(rows + np.array([start, start, 0, 0, 0]))
    whole = rows_of(building.build(batch, case.cutoff, 0.0))
    assert np.array_equal(in_order(whole), in_order(np.concatenate(parts)))


# Exact integers -------------------------------------------------------------------------------------------------------


@st.composite
def integer_systems(draw):
    """A cell and atoms in whole eighths of an Å, with a direction that is not periodic, sometimes."""
    cell = np.diag(draw(st.lists(st.integers(10, 20), min_size=3, max_size=3)))
    cell = cell + table(draw, st.integers(-4, 4), 3).astype(int)
    assume(abs(np.linalg.det(cell)) > 400)
    places = table(draw, st.integers(-30, 30), draw(st.integers(1, 4))).astype(int)
    return places, cell[draw(st.permutations(range(3)))], tuple(draw(st.lists(st.booleans(), min_size=3, max_size=3)))


def integer_pairs(places, cell, pbc, cutoff):
    """All (i, j, S) with |d|² < cutoff², in integers."""
    between = int(np.abs(places[:, None] - places[None]).sum(2).max())
    per_length = np.linalg.norm(np.linalg.inv(cell), axis=0)
    spans = [math.ceil((cutoff + between) * k) if periodic else 0 for k, periodic in zip(per_length, pbc, strict=True)]
    found = set()
    for shift in itertools.product(*(range(-n, n + 1) for n in spans)):
        squared = ((places[None] - places[:, None] + np.array(shift) @ cell) ** 2).sum(2)
        i, j = np.nonzero(squared < cutoff * cutoff)
        found |= {(a, b, *shift) for a, b in zip(i.tolist(), j.tolist(), strict=True) if a != b or any(shift)}
    return found


@settings(quick, max_examples=60)
@given(system=integer_systems(), cutoff=st.integers(6, 22), dtype=DTYPES)
def test_lengths_without_roundings_are_compared_exactly(system, cutoff, dtype):
    """Positions, cells and cutoffs that floats hold exactly: many pairs lie at the cutoff itself, and are out."""
    places, cell, pbc = system
    batch = batch_of([(places / EIGHTHS, cell / EIGHTHS, pbc)], dtype, "cpu")
    expected = integer_pairs(places, cell, pbc, cutoff)
    assert set(map(tuple, rows_of(building.build(batch, cutoff / EIGHTHS, 0.0)).tolist())) == expected
    wide = building.build(batch, 1.5 * cutoff / EIGHTHS, 0.25)
    for layout in NeighborListFormat:
        cut = convert(wide, batch, NeighborConfig(cutoff / EIGHTHS, layout), False)
        rows = matrix_rows(cut) if layout is MATRIX else rows_of(cut)
        assert set(map(tuple, rows.tolist())) == expected


@settings(quick, max_examples=40)
@given(system=integer_systems(), cutoff=st.integers(6, 22), dtype=DTYPES, data=st.data())
def test_whole_lattice_vectors_move_from_positions_to_shifts(system, cutoff, dtype, data):
    places, cell, pbc = system
    whole = table(data.draw, st.integers(-500, 500), len(places)).astype(int) * np.array(pbc)
    built = [
        rows_of(building.build(batch_of([(at / EIGHTHS, cell / EIGHTHS, pbc)], dtype, "cpu"), cutoff / EIGHTHS, 0.0))
        for at in (places, places + whole @ cell)
    ]
    here, there = built
    here = here.copy()
    here[:, 2:] += whole[here[:, 0]] - whole[here[:, 1]]
    assert np.array_equal(in_order(here), in_order(there))


# Keeping --------------------------------------------------------------------------------------------------------------


def walk(batch, length, seed):
    """The batch with its atoms moved by a length, one of them exactly by that, each its own way."""
    steps = np.random.default_rng(seed).normal(size=(batch.num_atoms, 3))
    steps *= length / np.maximum(np.linalg.norm(steps, axis=1).max(initial=0.0), 1e-9)
    return batch.with_fields(positions=batch.positions + torch.tensor(steps, dtype=batch.dtype))


class Counting:
    """A builder that counts."""

    def __init__(self):
        self.skins = []

    def __call__(self, batch, cutoff, skin):
        self.skins.append(skin)
        return building.build(batch, cutoff, skin)


def assert_read_exactly(held, batch, cutoff):
    near = rows_of(brute_force.build(batch, cutoff, 0.0))
    squared = squared_lengths(near, batch)
    for need in (NeighborConfig(cutoff), NeighborConfig(0.8 * cutoff, MATRIX, half_list=True)):
        got = convert(held.neighbors, batch, need, not held.fresh)
        rows = matrix_rows(got) if need.format is MATRIX else rows_of(got)
        expected = near[squared < need.cutoff * need.cutoff]
        assert np.array_equal(in_order(rows), in_order(half(expected) if need.half_list else expected))


@settings(quick, max_examples=25)
@given(
    case=cases(),
    dtype=DTYPES,
    skin=st.sampled_from([0.2, 0.5]),
    fractions=st.lists(st.sampled_from([0.0, 0.3, 0.7, 0.98, 1.02, 1.7, 30.0]), min_size=1, max_size=5),
)
def test_a_list_is_kept_as_long_as_it_may_and_read_exactly(case, dtype, skin, fractions):
    """Each fraction of half the skin is a walk from where the list was built; beyond 1 it is built anew."""
    batch, keeper, builder = case.make(dtype, "cpu"), ListKeeper(), Counting()
    assume(batch.num_atoms > 0)
    keeper.get(batch, case.cutoff, skin, builder)
    start = walk(batch, 0.1 * skin, seed=0)
    assert_read_exactly(keeper.get(start, case.cutoff, skin, builder), start, case.cutoff)
    has_skin = True
    for number, fraction in enumerate(fractions):
        now, before = walk(start, 0.5 * skin * fraction, seed=number), len(builder.skins)
        held = keeper.get(now, case.cutoff, skin, builder)
        assert_read_exactly(held, now, case.cutoff)
        reused = fraction == 0.0 or (has_skin and fraction < 1.0)
        assert held.fresh is (fraction == 0.0 or not reused)
        assert len(builder.skins) == before + (not reused)
        if not reused:
            start, has_skin = now, builder.skins[-1] > 0.0


@settings(quick, max_examples=15)
@given(
    case=cases(),
    other=cases(),
    dtype=DTYPES,
    skin=st.sampled_from([0.0, 0.5]),
    turns=st.lists(st.integers(0, 3), min_size=2, max_size=6),
)
def test_one_keeper_serves_batches_in_any_order(case, other, dtype, skin, turns):
    """Batches of equal size with other cells, periodic directions or systems do not get each other's lists."""
    cutoff, keeper = case.cutoff, ListKeeper()
    first = case.make(dtype, "cpu")
    opened = attrs.evolve(first, pbc=torch.zeros_like(first.pbc))
    stretched = first.with_fields(cell=first.cell * 1.01)
    batches = [first, opened, stretched, other.make(dtype, "cpu")]
    for number, turn in enumerate(turns):
        batch = walk(batches[turn], 0.02 * (number % 3), seed=0)
        assert_read_exactly(keeper.get(batch, cutoff, skin, building.build), batch, cutoff)


def test_drawn_sources_are_what_they_say():
    """A kind that is never written as described would make the properties above hold for nothing."""
    case = case_of("one", 2.0, (np.eye(3), 3.0 * np.eye(3), (True, True, True)))
    kind = SourceKind(MATRIX, True, "int64", 0.4, wider=1.3, spare=2, turned=True)
    source = make_source(kind, case, 2.0, torch.float64)
    assert (source.cutoff, source.skin, source.half_list) == (2.6, 0.4, True)
    assert source.neighbor_matrix.dtype == torch.int64
    assert (source.neighbor_matrix[:, -2:] == 3).all()
