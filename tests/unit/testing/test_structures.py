"""Named structures: each is what its reason says, and the same at every call; fitting keeps what matters of them."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.data import covalent_radii

from alchemi_core.data.batch import Batch
from alchemi_core.errors import OptionError
from alchemi_core.testing import STRUCTURES, structure_named
from alchemi_core.testing.fitting import fitted
from alchemi_core.testing.process_state import ProcessState

EVERY = pytest.mark.parametrize("structure", STRUCTURES, ids=str)


def atoms_of(name):
    return structure_named(name).make()


@EVERY
def test_each_has_a_reason_of_its_own_and_a_name_for_commands(structure):
    assert structure.reason
    assert [one.reason for one in STRUCTURES].count(structure.reason) == 1
    assert [one.name for one in STRUCTURES].count(structure.name) == 1
    assert structure.name.replace("-", "").isalpha()
    assert structure.name == structure.name.lower() == str(structure)


@EVERY
def test_each_is_the_same_at_every_call_and_no_two_share_memory(structure):
    one, other = structure.make(), structure.make()
    assert one == other
    one.positions += 1.0
    one.cell[0, 0] += 1.0
    one.numbers[0] = 1
    assert structure.make() == other


@EVERY
def test_making_one_draws_no_random_numbers(structure):
    before = ProcessState.now()
    structure.make()
    assert before.changed(ProcessState.now()) == []


@EVERY
def test_each_is_small_and_can_be_read(structure, dtype):
    atoms = structure.make()
    assert 1 <= len(atoms) <= 10
    batch = Batch.from_ase(atoms, dtype=dtype)
    assert batch.positions.dtype == dtype
    assert batch.positions.isfinite().all()


@pytest.mark.parametrize("structure", [one for one in STRUCTURES if len(one.make()) > 1], ids=str)
def test_none_is_symmetric(structure):
    """No two distances between atoms are equal, so that no mistake in an index cancels."""
    atoms = structure.make()
    distances = atoms.get_all_distances()[np.triu_indices(len(atoms), 1)]
    assert np.diff(np.sort(distances)).min(initial=1.0) > 1e-6
    assert distances.min() > 0.5, "no two atoms at one place"


def test_molecules_have_no_cell():
    for name in ("water", "ethanol"):
        atoms = atoms_of(name)
        assert not atoms.pbc.any()
        assert not atoms.cell.array.any()
    assert 1 in atoms_of("water").numbers, "a light element"
    assert len(set(atoms_of("ethanol").numbers)) == 3


def test_rock_salt_is_two_atoms_in_a_sheared_cell():
    atoms = atoms_of("rock-salt")
    assert atoms.pbc.all()
    assert sorted(atoms.symbols) == ["Cl", "Na"]
    assert atoms.cell.lengths().max() < 4.5, "atoms see their own images"
    angles = atoms.cell.angles()
    assert len({round(angle, 1) for angle in angles}) == 3
    assert np.abs(angles - 60).max() > 1


def test_silicon_is_eight_atoms_each_with_four_neighbors_out_of_place():
    atoms = atoms_of("silicon")
    assert str(atoms.symbols) == "Si8"
    distances = atoms.get_all_distances(mic=True)
    assert (np.sort(distances, axis=1)[:, 1:5] < 2.8).all()
    assert (np.sort(distances, axis=1)[:, 5] > 3.0).all()


def test_copper_is_one_atom():
    atoms = atoms_of("copper")
    assert str(atoms.symbols) == "Cu"
    assert atoms.pbc.all()
    assert atoms.cell.volume > 10
    assert atoms.cell.lengths().max() < 3


def test_the_left_handed_cell_is_the_right_handed_one_in_another_order():
    left, right = atoms_of("left-handed"), atoms_of("rock-salt")
    assert np.linalg.det(left.cell.array) < 0 < np.linalg.det(right.cell.array)
    assert np.array_equal(left.cell.array[[1, 0, 2]], right.cell.array)
    assert np.array_equal(left.positions, right.positions)


def test_atoms_outside_the_cell_are_those_of_rock_salt_wrapped():
    outside, inside = atoms_of("outside-the-cell"), atoms_of("rock-salt")
    moved = outside.get_scaled_positions(wrap=False) - inside.get_scaled_positions(wrap=False)
    assert np.allclose(moved, np.round(moved))
    assert np.abs(moved).max() >= 2


def test_the_slab_has_no_third_vector():
    atoms = atoms_of("slab")
    assert atoms.pbc.tolist() == [True, True, False]
    assert not atoms.cell.array[2].any()
    assert atoms.cell.lengths()[:2].min() > 1
    assert np.linalg.det(atoms.cell.array) == 0
    assert np.ptp(atoms.positions[:, 2]) > 1, "not flat"


def test_the_wire_is_periodic_along_one_vector():
    atoms = atoms_of("wire")
    assert atoms.pbc.tolist() == [False, False, True]
    assert not atoms.cell.array[:2].any()
    assert atoms.cell.array[2, 2] > 1
    assert np.ptp(atoms.positions, axis=0).min() > 0.5, "not straight"


def test_a_name_that_is_not_there_names_what_is():
    with pytest.raises(
        OptionError, match=r"no structure named 'slap'(.|\n)*one of water, .*\n.*structure_named\('slab'\)"
    ):
        structure_named("slap")


def substituted(atoms, elements):
    new = fitted(atoms, elements)
    return dict(zip(atoms.numbers.tolist(), new.numbers.tolist(), strict=True))


@EVERY
def test_models_of_any_element_get_the_structure_itself_as_a_copy(structure):
    atoms = structure.make()
    for elements in (None, set(atoms.numbers.tolist()), range(1, 90)):
        new = fitted(atoms, elements)
        assert new == atoms
        new.positions += 1.0
        assert atoms == structure.make()


@EVERY
@pytest.mark.parametrize("elements", [(14,), (6, 8), (1, 6, 8, 26)], ids=str)
def test_fitting_leaves_the_input_alone_and_uses_known_elements_only(structure, elements):
    atoms = structure.make()
    new = fitted(atoms, elements)
    assert atoms == structure.make()
    assert set(new.numbers.tolist()) <= set(elements)
    assert new.pbc.tolist() == atoms.pbc.tolist()
    assert len(set(new.numbers.tolist())) == min(len(set(atoms.numbers.tolist())), len(elements))


def test_known_elements_stay_and_others_become_the_nearest_in_size():
    # covalent radii, Å: O 0.66, Na 1.66, Al 1.21, Si 1.11, Cl 1.02, Fe 1.32, K 2.03
    salt = bulk("NaCl", "rocksalt", a=5.64)
    assert substituted(salt, {11, 14, 26}) == {11: 11, 17: 14}
    assert substituted(salt, {13, 19}) == {11: 19, 17: 13}
    assert substituted(salt, {8, 26, 14}) == {11: 26, 17: 14}


def test_different_elements_stay_different_though_one_would_be_nearest_to_both():
    # Na and K are both nearest to Ca (1.76) of these; Fe (1.32) is what is left for one of them
    atoms = Atoms("NaK", positions=[[0, 0, 0], [0, 0, 3.5]])
    assert set(substituted(atoms, {20, 26}).values()) == {20, 26}
    assert set(substituted(atoms, {20}).values()) == {20}


@EVERY
def test_the_whole_structure_is_scaled_by_the_mean_radius(structure):
    atoms = structure.make()
    new = fitted(atoms, {55, 92})
    scale = covalent_radii[new.numbers].mean() / covalent_radii[atoms.numbers].mean()
    assert scale > 1.05
    assert np.allclose(new.positions, scale * atoms.positions, rtol=1e-14)
    assert np.allclose(new.cell.array, scale * atoms.cell.array, rtol=1e-14)


def test_neighbors_are_at_the_distance_of_neighbors_after_fitting():
    # 2.35 Å in silicon, 1.54 Å in diamond: radii of 1.11 and 0.76 Å
    new = fitted(bulk("Si", "diamond", a=5.43), {6})
    assert new.get_distance(0, 1, mic=True) == pytest.approx(1.54, abs=0.1)
