"""Bonds and angles against chgnet's graph converter, and lists that are not as promised."""

from collections import Counter

import attrs
import numpy as np
import pytest
import torch
from alchemi_chgnet.geometry import Geometry, find_angles, find_bonds
from ase import Atoms
from chgnet.graph import CrystalGraphConverter
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.io.ase import AseAtomsAdaptor

from alchemi_core import Batch
from alchemi_core.errors import NeighborError
from alchemi_core.neighbors.building import build
from alchemi_core.neighbors.geometry import pair_vectors

CONVERTER = CrystalGraphConverter(algorithm="legacy", on_isolated_atoms="ignore")
SIDES = st.lists(st.floats(2.5, 7.0), min_size=3, max_size=3)
SKEWS = st.lists(st.floats(-1.5, 1.5), min_size=3, max_size=3)
PLACES = st.lists(st.tuples(*[st.floats(-1.0, 2.0)] * 3), min_size=1, max_size=4)


def geometry_of(atoms: list[Atoms]) -> Geometry:
    batch = Batch.from_ase(atoms)
    found = build(batch, 6.0, 0.0)
    vectors = pair_vectors(batch.positions, batch.cell, found, batch.batch_idx)
    return Geometry(
        numbers=batch.atomic_numbers,
        pairs=found.neighbor_list.long(),
        shifts=found.neighbor_list_shifts,
        vectors=vectors,
        lengths=vectors.norm(dim=1),
    )


def directed(pairs, shifts) -> list[tuple[int, ...]]:
    rows = np.concatenate([np.asarray(pairs), np.asarray(shifts)], axis=1).round().astype(int)
    return [tuple(row) for row in rows.tolist()]


@settings(max_examples=25, deadline=None, derandomize=True)
@given(sides=SIDES, skews=SKEWS, places=PLACES)
def test_bonds_and_angles_are_those_of_chgnet(sides, skews, places):
    cell = np.diag(sides)
    cell[[1, 2, 2], [0, 0, 1]] = skews
    atoms = Atoms("Li" * len(places), scaled_positions=places, cell=cell, pbc=True)
    atoms.rattle(0.05, seed=5)
    geometry = geometry_of([atoms])
    if geometry.lengths.min() < 0.1:
        return
    expected = CONVERTER(AseAtomsAdaptor.get_structure(atoms))
    ours = directed(geometry.pairs, geometry.shifts)
    theirs = directed(expected.atom_graph.reshape(-1, 2), expected.neighbor_image.reshape(-1, 3))
    assert sorted(ours) == sorted(theirs)
    assert _bonds(ours, find_bonds(geometry).of_pair) == _bonds(theirs, expected.directed2undirected)
    angles = find_angles(geometry, 3.0)
    first, second = angles.short[angles.first], angles.short[angles.second]
    assert _couples(ours, first, second) == _couples(theirs, *expected.bond_graph.reshape(-1, 5).T[[2, 4]])


def _bonds(pairs, bond_of):
    bonds = {}
    for pair, bond in zip(pairs, bond_of.tolist(), strict=True):
        bonds.setdefault(bond, set()).add(pair)
    return {frozenset(bond) for bond in bonds.values()}


def _couples(pairs, first, second):
    return Counter((pairs[one], pairs[other]) for one, other in zip(first.tolist(), second.tolist(), strict=True))


def test_shifts_of_any_size(structures):
    """Two million cells along each axis: numbering all shifts of that box would need more than 64 bits."""
    geometry = geometry_of([structures["rock salt"], structures["perovskite"]])
    expected = find_bonds(geometry)
    far = find_bonds(attrs.evolve(geometry, shifts=geometry.shifts * 2_000_000))
    pairs, shifts = geometry.pairs, geometry.shifts
    assert _bonds(directed(pairs, shifts), far.of_pair) == _bonds(directed(pairs, shifts), expected.of_pair)
    assert far.of_pair[far.pair_of].tolist() == list(range(len(far.pair_of)))


@pytest.mark.parametrize("missing", [1, 2])
def test_pairs_in_one_direction_only_are_refused(structures, missing):
    geometry = geometry_of([structures["rock salt"]])
    keep = torch.arange(len(geometry.pairs) - missing)
    cut = {name: getattr(geometry, name)[keep] for name in ("pairs", "shifts", "vectors", "lengths")}
    with pytest.raises(NeighborError, match="one direction only"):
        find_bonds(attrs.evolve(geometry, **cut))


def test_whole_systems_can_be_taken_out(structures):
    middle, other = structures["perovskite"], structures["slab"]
    taken = geometry_of([other, middle, other]).of(torch.tensor([False] * 6 + [True] * 5 + [False] * 6))
    alone = geometry_of([middle])
    for name in ("numbers", "pairs", "shifts"):
        assert torch.equal(getattr(taken, name), getattr(alone, name)), name
    torch.testing.assert_close(taken.vectors, alone.vectors)
