"""The kit itself: its cases are what they are called, and its referee decides as the core does."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from alchemi_core.errors import OptionError
from alchemi_core.neighbors.building import build
from alchemi_core.neighbors.distances import exact_squared
from alchemi_core.neighbors.formats import to_matrix
from alchemi_core.testing.neighbor_cases import CASES, case_named
from alchemi_core.testing.neighbor_suite import builder_checks, composed, converter_checks, role_checks
from alchemi_core.testing.pair_tables import (
    SKIN,
    displaced,
    half,
    in_order,
    matrix_rows,
    referee,
    reverse,
    rows_of,
    squared_lengths,
    write_matrix,
)
from alchemi_core.testing.source_lists import SourceKind, make_source, with_gaps


def batch_of(name, dtype=torch.float64):
    return case_named(name).make(dtype, "cpu")


def pairs_of(name, dtype=torch.float64):
    case = case_named(name)
    return referee(case, dtype, case.cutoff, 0.0)


def lengths(name, dtype, reach):
    return np.sqrt(squared_lengths(referee(case_named(name), dtype, reach, 0.0), batch_of(name, dtype)))


def test_names_are_unique():
    for names in ([str(case) for case in CASES], [str(check) for check in converter_checks(composed())]):
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_case_is_the_same_at_every_call(case):
    one, other = case.make(torch.float32, "cpu"), case.make(torch.float32, "cpu")
    assert one.positions is not other.positions
    assert torch.equal(one.positions, other.positions)


def test_cells_are_what_their_cases_are_called():
    assert torch.linalg.det(batch_of("triclinic").cell) > 0
    assert torch.linalg.det(batch_of("left-handed").cell) < 0
    assert len({tuple(row) for row in batch_of("every-mix-of-pbc").pbc.tolist()}) == 8
    assert (batch_of("slabs-and-a-wire").cell[0, 2] == 0).all()
    assert batch_of("without-a-cell").cell is None
    sizes = torch.bincount(batch_of("hundreds-of-systems").batch_idx, minlength=240)
    assert len(sizes) == 240
    assert set(sizes.tolist()) == {0, 1, 2, 3, 4, 5}
    assert (batch_of("no-atoms").num_atoms, batch_of("no-systems").num_systems) == (0, 0)


def test_pairs_are_what_their_cases_are_called():
    small = pairs_of("cell-smaller-than-cutoff")
    assert (small[:, 0] == small[:, 1]).any()
    assert np.abs(small[:, 2:]).max() >= 2
    assert np.abs(pairs_of("far-outside-the-cell")[:, 2:]).max() > 500
    assert len(pairs_of("no-pairs")) == len(pairs_of("one-atom")) == 0
    assert (lengths("two-atoms-at-one-place", torch.float64, 2.0) == 0.0).sum() == 4
    assert (lengths("exactly-at-the-cutoff", torch.float32, 4.1) == 4.0).sum() > 30


@pytest.mark.parametrize("name", ["cell-smaller-than-cutoff", "mixed-batch", "gas", "triclinic"])
def test_moved_atoms_change_the_pairs_and_stay_within_the_skin(name, dtype):
    case, batch = case_named(name), batch_of(name, dtype)
    steps = (displaced(batch, SKIN).positions - batch.positions).norm(dim=1)
    assert 0.9 < float(steps.max()) / (SKIN / 2) < 1.0
    before, after = (set(map(tuple, referee(case, dtype, case.cutoff, m).tolist())) for m in (0.0, SKIN))
    assert before - after
    assert after - before


@pytest.mark.parametrize("name", ["triclinic", "far-outside-the-cell", "mixed-batch"])
def test_distances_are_those_of_the_core_to_the_last_bit(name, dtype):
    rows, batch = pairs_of(name, dtype), batch_of(name, dtype)
    i, j = torch.tensor(rows[:, :2]).unbind(1)
    assert torch.equal(
        exact_squared(batch, i, j, torch.tensor(rows[:, 2:])), torch.tensor(squared_lengths(rows, batch))
    )


def test_what_is_written_as_a_matrix_is_read_back():
    pairs = build(batch_of("mixed-batch"), 3.0, 0.0)
    wide = write_matrix(pairs, spare=2)
    assert wide.neighbor_matrix.shape[1] == to_matrix(pairs).neighbor_matrix.shape[1] + 2
    assert np.array_equal(matrix_rows(wide), rows_of(pairs))
    assert torch.equal(wide.neighbor_matrix[:, :-2], to_matrix(pairs).neighbor_matrix)


def test_half_and_reverse_make_the_whole():
    rows = pairs_of("cell-smaller-than-cutoff")
    kept = half(rows)
    assert np.array_equal(in_order(np.concatenate([kept, reverse(kept)])), in_order(rows))
    source = make_source(SourceKind(half_list=True, turned=True), case_named("mixed-batch"), 3.0, torch.float64)
    i, j = source.neighbor_list.unbind(1)
    assert bool((i >= j).all())


def test_views_with_gaps_hold_the_values():
    for shape in ((5,), (5, 2), (4, 3, 3), (0, 2)):
        tensor = torch.randn(shape, generator=torch.Generator().manual_seed(1))
        view = with_gaps(tensor)
        assert torch.equal(view, tensor)
        assert tensor.numel() == 0 or not view.is_contiguous()


def test_a_role_that_is_not_there_is_refused():
    with pytest.raises(OptionError, match="to_half"):
        role_checks("to_quarter", half)
    assert [str(check) for check in role_checks("builder", build)] == [str(check) for check in builder_checks(build)]
    with pytest.raises(LookupError, match="triclinic"):
        case_named("cubic")


PROGRAM = """
import importlib, pkgutil, sys
import alchemi_core.testing as kit
for module in pkgutil.walk_packages(kit.__path__, "alchemi_core.testing."):
    if module.name != "alchemi_core.testing.pytest_plugin":  # which only pytest loads
        importlib.import_module(module.name)
print(sorted(name for name in ("pytest", "hypothesis", "_pytest") if name in sys.modules))
"""


def test_no_test_runner_is_needed(prints):
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
