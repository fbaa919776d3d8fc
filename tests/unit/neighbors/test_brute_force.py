"""The referee itself, against ASE's neighbor list and against counts of lattice points."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list

from alchemi_core.data.batch import Batch
from alchemi_core.neighbors.brute_force import build

from .pairs import rows


def ase_rows(atoms, cutoff):
    i, j, shifts = neighbor_list("ijS", atoms, cutoff)
    return {(int(a), int(b), *map(int, shift)) for a, b, shift in zip(i, j, shifts, strict=True)}


@pytest.mark.parametrize("cutoff", [1.0, 2.7, 5.3])
def test_equals_ase_on_each_kind_of_system(mixed, cutoff):
    for atoms in mixed:
        assert rows(build(Batch.from_ase(atoms), cutoff, 0.0)) == ase_rows(atoms, cutoff)


@pytest.mark.parametrize("pbc", [(1, 1, 1), (1, 0, 1), (0, 0, 1), (0, 0, 0)])
def test_equals_ase_on_skewed_cells_with_atoms_far_outside(pbc):
    rng = np.random.default_rng(sum(pbc))
    cell = [[2.1, 0.3, 0.0], [-0.9, 2.4, 0.2], [0.4, -0.5, -1.9]]
    atoms = Atoms("Ar5", positions=rng.normal(scale=20.0, size=(5, 3)), cell=cell, pbc=pbc)
    assert rows(build(Batch.from_ase(atoms), 3.0, 0.5)) == ase_rows(atoms, 3.5)


# points of the cubic lattice at squared distances 1, 2, 3, 4 (https://oeis.org/A005875): 6, 12, 8, 6
@pytest.mark.parametrize(("cutoff", "points"), [(1.0, 0), (1.001, 6), (1.42, 18), (2.0, 26), (2.001, 32)])
def test_counts_the_points_of_a_cubic_lattice_strictly_below_the_cutoff(argon, cutoff, points, dtype):
    assert build(argon([0.0, 0.0, 0.0], np.eye(3), dtype=dtype), cutoff, 0.0).num_pairs == points


def test_says_its_cutoff_and_skin(argon):
    built = build(argon([[0, 0, 0], [0, 0, 1.4]]), 1.0, 0.5)
    assert (built.cutoff, built.skin, built.half_list) == (1.0, 0.5, False)
    assert rows(built) == {(0, 1, 0, 0, 0), (1, 0, 0, 0, 0)}
