"""When a kept list is reused, when it is not, and that no reader could tell."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from alchemi_core.data.batch import Batch
from alchemi_core.errors import GeometryError
from alchemi_core.neighbors.building import build
from alchemi_core.neighbors.filtering import filter_list
from alchemi_core.neighbors.verlet import ListKeeper

from .pairs import rows

CUTOFF, SKIN = 3.0, 0.6


class Builder:
    """Counts builds and remembers the skins asked of it."""

    def __init__(self):
        self.skins = []

    def __call__(self, batch, cutoff, skin):
        self.skins.append(skin)
        return build(batch, cutoff, skin)


def get(keeper, *arguments):
    """Ask a keeper: the list, and whether it is exact."""
    held = keeper.get(*arguments)
    return held.neighbors, held.fresh and held.neighbors.skin == 0.0


@pytest.fixture
def builder():
    return Builder()


@pytest.fixture
def keeper():
    return ListKeeper()


def shifted(batch, distance, atom=0):
    """Move one atom by a distance along z."""
    positions = batch.positions.clone()
    positions[atom, 2] += distance
    return batch.with_fields(positions=positions)


def warm(keeper, batch, builder):
    """Bring a keeper to hold a list with a skin, and return the batch that the list was built for."""
    get(keeper, batch, CUTOFF, SKIN, builder)
    moved = shifted(batch, 0.01)
    get(keeper, moved, CUTOFF, SKIN, builder)
    assert builder.skins == [0.0, SKIN]
    return moved


def test_the_first_list_is_exact(keeper, batch, builder):
    neighbors, exact = get(keeper, batch, CUTOFF, SKIN, builder)
    assert exact
    assert builder.skins == [0.0]
    assert rows(neighbors) == rows(build(batch, CUTOFF, 0.0))


@pytest.mark.parametrize("skin", [0.0, SKIN])
def test_equal_positions_reuse_the_exact_list(keeper, batch, builder, skin):
    first, _ = get(keeper, batch, CUTOFF, skin, builder)
    again, exact = get(keeper, batch.with_fields(positions=batch.positions.clone()), CUTOFF, skin, builder)
    assert again is first
    assert exact
    assert len(builder.skins) == 1


def test_a_skin_is_paid_once_positions_have_moved(keeper, batch, builder):
    moved = warm(keeper, batch, builder)
    neighbors, exact = get(keeper, moved, CUTOFF, SKIN, builder)
    assert not exact
    assert neighbors.skin == SKIN
    assert len(builder.skins) == 2


@pytest.mark.parametrize(("distance", "reused"), [(0.29, True), (0.301, False)])
def test_reused_until_an_atom_has_moved_half_the_skin(keeper, batch, builder, distance, reused):
    start = warm(keeper, batch, builder)
    _, exact = get(keeper, shifted(start, distance, atom=3), CUTOFF, SKIN, builder)
    assert not exact
    assert len(builder.skins) == (2 if reused else 3)


def test_small_steps_add_up(keeper, batch, builder):
    start = warm(keeper, batch, builder)
    for step in range(1, 5):
        get(keeper, shifted(start, 0.1 * step), CUTOFF, SKIN, builder)
    assert len(builder.skins) == 3


def test_without_a_skin_every_move_rebuilds(keeper, batch, builder):
    get(keeper, batch, CUTOFF, 0.0, builder)
    _, exact = get(keeper, shifted(batch, 1e-4), CUTOFF, 0.0, builder)
    assert exact
    assert builder.skins == [0.0, 0.0]


def test_a_jump_pays_no_skin(keeper, batch, builder):
    warm(keeper, batch, builder)
    get(keeper, shifted(batch, 5.0), CUTOFF, SKIN, builder)
    assert builder.skins == [0.0, SKIN, 0.0]


def test_readers_get_the_exact_pairs_along_a_trajectory(keeper, mixed, dtype):
    batch, rng = Batch.from_ase(mixed, dtype=dtype), np.random.default_rng(0)
    builder, reused = Builder(), 0
    for _ in range(12):
        step = torch.from_numpy(rng.normal(scale=0.04, size=batch.positions.shape)).to(dtype)
        batch = batch.with_fields(positions=batch.positions + step)
        before = len(builder.skins)
        neighbors, exact = get(keeper, batch, CUTOFF, SKIN, builder)
        reused += before == len(builder.skins)
        chosen = neighbors if exact else filter_list(neighbors, batch, CUTOFF)
        assert rows(chosen) == rows(build(batch, CUTOFF, 0.0))
    assert reused >= 4


def test_a_changed_cell_rebuilds_an_exact_list(keeper, batch, builder):
    warm(keeper, batch, builder)
    stretched = batch.with_fields(cell=batch.cell * 1.001)
    neighbors, exact = get(keeper, stretched, CUTOFF, SKIN, builder)
    assert exact
    assert rows(neighbors) == rows(build(stretched, CUTOFF, 0.0))


@pytest.mark.parametrize("name", ["positions", "cell"])
def test_tensors_changed_in_place_are_noticed(keeper, batch, builder, name):
    get(keeper, batch, CUTOFF, SKIN, builder)
    getattr(batch, name).mul_(1.2)
    neighbors, exact = get(keeper, batch, CUTOFF, SKIN, builder)
    assert len(builder.skins) == 2
    chosen = neighbors if exact else filter_list(neighbors, batch, CUTOFF)
    assert rows(chosen) == rows(build(batch, CUTOFF, 0.0))


def test_pbc_is_not_ignored_after_a_batch_of_equal_size(keeper, argon, builder):
    places, cell = [[0, 0, 0], [2, 0, 0]], 3.5 * np.eye(3)
    open_box, periodic = argon(places, cell, pbc=False), argon(places, cell)
    assert get(keeper, open_box, CUTOFF, SKIN, builder)[0].num_pairs == 2
    neighbors, exact = get(keeper, periodic, CUTOFF, SKIN, builder)
    assert exact
    assert rows(neighbors) == rows(build(periodic, CUTOFF, 0.0))
    assert neighbors.num_pairs > 2
    assert get(keeper, argon(places), CUTOFF, SKIN, builder)[0].num_pairs == 2


def test_the_same_atoms_in_other_systems_rebuild(keeper, argon, builder):
    pair = argon([[0, 0, 0], [1, 0, 0]])
    apart = Batch.from_data_list([argon([0, 0, 0])[0], argon([1, 0, 0])[0]])
    assert torch.equal(pair.positions, apart.positions)
    assert get(keeper, pair, CUTOFF, SKIN, builder)[0].num_pairs == 2
    assert get(keeper, apart, CUTOFF, SKIN, builder)[0].num_pairs == 0


def test_another_number_of_atoms_or_another_type_rebuilds(keeper, argon, builder):
    get(keeper, argon([[0, 0, 0], [1, 0, 0]]), CUTOFF, SKIN, builder)
    assert get(keeper, argon([[0, 0, 0]]), CUTOFF, SKIN, builder)[0].num_atoms == 1
    get(keeper, argon([[0, 0, 0]], dtype=torch.float32), CUTOFF, SKIN, builder)
    assert len(builder.skins) == 3
    get(keeper, argon([]), CUTOFF, SKIN, builder)
    assert get(keeper, argon([]), CUTOFF, SKIN, builder) == (get(keeper, argon([]), CUTOFF, SKIN, builder)[0], True)
    assert len(builder.skins) == 4


def test_positions_that_are_not_numbers_reach_the_builder_and_leave_the_keeper_as_it_was(keeper, batch, builder):
    start = warm(keeper, batch, builder)
    kept, _ = get(keeper, start, CUTOFF, SKIN, builder)
    with pytest.raises(GeometryError, match="atom 2"):
        get(keeper, shifted(start, float("nan"), atom=2), CUTOFF, SKIN, builder)
    assert get(keeper, start, CUTOFF, SKIN, builder)[0] is kept


def test_each_cutoff_has_its_own_list(keeper, batch, builder):
    near, _ = get(keeper, batch, 2.0, SKIN, builder)
    far, _ = get(keeper, batch, 4.0, SKIN, builder)
    assert (near.cutoff, far.cutoff) == (2.0, 4.0)
    assert get(keeper, batch, 2.0, SKIN, builder)[0] is near
    assert get(keeper, batch, 4.0, SKIN, builder)[0] is far


@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy, lambda keeper: pickle.loads(pickle.dumps(keeper))])
def test_copies_start_empty(keeper, batch, builder, twin):
    kept, _ = get(keeper, batch, CUTOFF, SKIN, builder)
    other = twin(keeper)
    assert isinstance(other, ListKeeper)
    assert get(other, batch, CUTOFF, SKIN, builder)[0] is not kept
    assert get(keeper, batch, CUTOFF, SKIN, builder)[0] is kept


def test_clear_forgets(keeper, batch, builder):
    get(keeper, batch, CUTOFF, SKIN, builder)
    keeper.clear()
    get(keeper, batch, CUTOFF, SKIN, builder)
    assert len(builder.skins) == 2


def test_threads_that_share_a_keeper_get_their_own_pairs(keeper, argon):
    batches = [argon([[0, 0, 0], [1 + 0.8 * k, 0, 0], [0, 1.1 + 0.1 * k, 0]]) for k in range(4)]
    expected = [rows(build(batch, CUTOFF, 0.0)) for batch in batches]

    def read(turn):
        batch = batches[turn % 4]
        neighbors, exact = get(keeper, batch, CUTOFF, SKIN, build)
        return rows(neighbors if exact else filter_list(neighbors, batch, CUTOFF)) == expected[turn % 4]

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(read, range(200)))


def test_a_list_kept_from_positions_on_a_graph_holds_no_graph(keeper, batch, builder):
    leaf = batch.positions.clone().requires_grad_()
    get(keeper, batch.with_leaves(leaf * 1.0, batch.cell), CUTOFF, SKIN, builder)
    neighbors, exact = get(keeper, batch, CUTOFF, SKIN, builder)
    assert exact
    assert not neighbors.neighbor_list_shifts.requires_grad
    assert len(builder.skins) == 1
