"""Neighbor data that goes wrong in silence elsewhere (numbers 9, 13, 14 and 23): right here, or refused."""

from collections import Counter
from itertools import permutations

import attrs
import numpy as np
import pytest
import torch
from support import byhand
from support.any_lists import LAYOUTS, AnyList, all_layouts, energy_of_all, own_list
from support.pipelines import ALL, autograd, direct, pipeline
from support.structures import batch_of, ethanol, left_handed, mixed, outside, salt, slab_without_height, water
from support.toys import Gaussians, Kernel, per_system

from alchemi_core.contract import OnGraph
from alchemi_core.errors import NeighborError
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.neighbors import building
from alchemi_core.neighbors.adapting import NeighborToolkit
from alchemi_core.neighbors.filtering import filter_list
from alchemi_core.neighbors.formats import to_coo, to_matrix, with_index_dtype
from alchemi_core.neighbors.halves import to_full, to_half
from alchemi_core.neighbors.verlet import ListKeeper
from alchemi_core.provision import Provision


@pytest.mark.parametrize("policy", ["auto", "always", "never"])
def test_09_every_reader_gets_its_cutoff_layout_and_kind(policy):
    byhand.assert_outputs(all_layouts(policy)(mixed(), requested=ALL), byhand.reference(energy_of_all, mixed()))


@pytest.mark.parametrize(("layout", "half"), LAYOUTS)
@pytest.mark.parametrize("cutoff", [5.5, 7.0])
def test_09_a_list_that_the_batch_brings_is_converted_for_each_reader(layout, half, cutoff):
    batch = mixed().with_neighbors(own_list(mixed(), cutoff, layout, half))
    byhand.assert_outputs(all_layouts()(batch, requested={"energy"}), {"energy": energy_of_all(batch)})


@pytest.mark.parametrize(("layout", "half"), LAYOUTS)
def test_09_a_list_too_short_is_refused(layout, half):
    batch = mixed().with_neighbors(own_list(mixed(), 5.0, layout, half))
    with pytest.raises(NeighborError, match=r"(?s)5 Å.*needs 5\.5 Å.*with_neighbors"):
        all_layouts()(batch, requested={"energy"})


@pytest.mark.parametrize(("layout", "half"), LAYOUTS)
def test_09_a_list_of_wide_integers_is_narrowed_for_readers_that_declare_so(layout, half):
    """`AnyList` asserts the type that it declared."""
    wide = with_index_dtype(own_list(mixed(), 5.5, layout, half), "int64")
    out = all_layouts()(mixed().with_neighbors(wide), requested={"energy"})
    byhand.assert_outputs(out, {"energy": energy_of_all(mixed())})


@pytest.mark.parametrize("half", [False, True])
def test_09_a_half_list_is_no_full_list_and_the_reverse(half):
    """One reader whose kind the batch brings the other of: read as it is, every energy is off by two."""
    batch = mixed().with_neighbors(own_list(mixed(), 4.0, "coo", not half))
    pipe = pipeline(direct(AnyList("coo", half)))
    byhand.assert_outputs(pipe(batch, requested={"energy"}), {"energy": byhand.gaussians(mixed())})
    (given,) = Provision(counted(Counter()), None, 0.0).lists(pipe.plan, batch)
    pairs = byhand.distances(batch.positions[:2].numpy(), batch.cell[0].numpy(), np.array([True] * 3), 4.0)
    molecule = byhand.distances(batch.positions[2:].numpy(), np.zeros((3, 3)), np.array([False] * 3), 4.0)
    assert given.num_pairs == (len(pairs[0]) + len(molecule[0])) // (2 if half else 1)


def test_09_padding_by_minus_one_is_refused():
    brought = own_list(mixed(), 5.5, "matrix", half=False)
    matrix = torch.where(brought.neighbor_matrix == brought.padding, -1, brought.neighbor_matrix)
    batch = mixed().with_neighbors(attrs.evolve(brought, neighbor_matrix=matrix))
    with pytest.raises(NeighborError, match="padded by -1"):
        all_layouts()(batch, requested={"energy"})


def test_09_a_list_of_other_atoms_is_refused():
    batch = mixed().with_neighbors(own_list(batch_of(salt()), 5.5, "coo", half=False))
    with pytest.raises(NeighborError, match="5 atoms"):
        all_layouts()(batch, requested={"energy"})


def test_09_a_list_that_joins_two_systems_is_refused():
    brought = own_list(mixed(), 5.5, "coo", half=False)
    pairs = brought.neighbor_list.clone()
    pairs[0, 1] = 4
    with pytest.raises(NeighborError, match="two systems"):
        all_layouts()(mixed().with_neighbors(attrs.evolve(brought, neighbor_list=pairs)), requested={"energy"})


@pytest.mark.parametrize("policy", ["auto", "always", "never"])
def test_13_counts_fit_the_list_after_filtering(policy):
    """Asserted by `AnyList` at every call; here the first, the last and other atoms lose all their neighbors."""
    far = ethanol()
    far.positions[[0, 3, 8]] += [[30.0, 0.0, 0.0], [0.0, 30.0, 0.0], [0.0, 0.0, 30.0]]
    for batch in (batch_of(salt(), far, water()), batch_of(far)):
        byhand.assert_outputs(all_layouts(policy)(batch, requested={"energy"}), {"energy": energy_of_all(batch)})


def test_13_counts_fit_the_list_along_a_kept_list():
    """Pairs of the skin go in and out between calls; counts that lag behind would be those of the wider list."""
    pipe, start = all_layouts("always", skin=1.0), mixed()
    for number in range(6):
        moved = start.with_fields(positions=start.positions + 0.3 * torch.sin(start.positions * 5.0 + number))
        byhand.assert_outputs(pipe(moved, requested={"energy"}), {"energy": energy_of_all(moved)}, rtol=1e-12)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_14_crystals_molecules_and_slabs_in_any_order(order):
    structures = [salt(), water(), slab_without_height()]
    batch = batch_of(*(structures[k] for k in order))
    expected = byhand.reference(energy_of_all, batch, ("forces", "stress"))
    byhand.assert_outputs(all_layouts()(batch, requested=ALL), expected)
    assert [bool(row.isnan().all()) for row in expected["stress"]] == [k != 0 for k in order]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_14_systems_joined_with_and_without_a_cell(order):
    """A molecule that never had a cell, a crystal and a slab, joined one by one: each has the energy it has alone."""
    bare = attrs.evolve(batch_of(water()), cell=None, pbc=None)
    parts = [bare, batch_of(salt()), batch_of(slab_without_height())]
    joined = type(bare).from_data_list([parts[k][0] for k in order])
    alone = torch.cat([energy_of_all(parts[k]) for k in order])
    byhand.assert_outputs(all_layouts()(joined, requested={"energy"}), {"energy": alone})
    assert joined.pbc.any(1).tolist() == [k != 0 for k in order]


@pytest.mark.parametrize("structure", [left_handed, outside, slab_without_height])
def test_14_odd_cells(structure):
    batch = batch_of(structure())
    expected = byhand.reference(energy_of_all, batch)
    byhand.assert_outputs(all_layouts()(batch, requested=ALL | {"virial"}), expected)


def test_hooks_give_exactly_what_the_plan_calls_for():
    pipe = all_layouts()
    (hook,) = pipe.make_neighbor_hooks()
    batch = hook(mixed())
    assert [(n.cutoff, n.format, n.half_list) for n in batch.neighbors] == [
        (p.config.cutoff, p.config.format, p.config.half_list) for p in pipe.plan.lists
    ]
    byhand.assert_outputs(pipe(batch, requested={"energy"}), {"energy": energy_of_all(batch)}, rtol=1e-12)
    again = hook(batch.with_neighbors(own_list(mixed(), 1.0, "coo", half=False)))
    assert len(again.neighbors) == len(batch.neighbors)


def test_hooks_work_in_inference_mode_and_leave_lists_that_grad_can_use():
    pipe = all_layouts()
    (hook,) = pipe.make_neighbor_hooks()
    with torch.inference_mode():
        batch = hook(mixed())
    expected = {"energy": energy_of_all(mixed())}
    byhand.assert_outputs(pipe(batch, requested=ALL - {"forces", "stress"}), expected)
    pipe(mixed(), requested=ALL)
    pipe(mixed().with_neighbors(*batch.neighbors), requested=ALL)


def test_a_pipeline_without_lists_has_no_hooks():
    class Pull(BaseModelMixin):
        model_config = ModelConfig(name="pull", outputs={"energy": OnGraph("positions")})

        def compute(self, view, requested):
            return {"energy": per_system(view, view.positions.square().sum(1))}

    pipe = pipeline(autograd(Pull()))
    assert pipe.make_neighbor_hooks() == ()
    out = pipe(batch_of(water()), requested={"forces"})
    torch.testing.assert_close(out["forces"], -2 * batch_of(water()).positions)


def test_lists_brought_serve_direct_and_autograd_groups_alike():
    batch = mixed().with_neighbors(own_list(mixed(), 4.0, "coo", half=True))
    pipe = pipeline(autograd(Gaussians()), direct(Kernel(-0.3, 3.5)))
    expected = byhand.reference(lambda b: byhand.gaussians(b) + byhand.gaussians(b, -0.3, 3.5), mixed())
    byhand.assert_outputs(pipe(batch, requested=ALL), expected)


def counted(calls):
    """The core's own toolkit, whatever is installed; `calls` counts filters by their cutoff, in Å."""

    def filter_(neighbors, batch, cutoff):
        calls[cutoff] += 1
        return filter_list(neighbors, batch, cutoff)

    return NeighborToolkit(
        build=building.build, filter=filter_, to_matrix=to_matrix, to_coo=to_coo, to_half=to_half, to_full=to_full
    )


@pytest.mark.parametrize(("layout", "half"), LAYOUTS)
def test_23_a_list_that_the_batch_brings_is_cut_once_for_all_readers_of_a_cutoff(layout, half):
    calls = Counter()
    plan = pipeline(direct(*(AnyList(*kind, cutoff) for cutoff in (4.0, 5.0) for kind in LAYOUTS))).plan
    batch = mixed().with_neighbors(own_list(mixed(), 6.0, layout, half))
    lists = Provision(counted(calls), None, 0.0).lists(plan, batch)
    assert len(lists) == 8
    assert (calls[4.0], calls[5.0]) == (1, 1)


def test_23_a_kept_list_is_cut_once_per_call_for_all_readers_of_a_cutoff():
    calls, keeper, batch = Counter(), ListKeeper(), mixed()
    models = [AnyList(*kind, cutoff) for cutoff in (4.0, 5.0) for kind in LAYOUTS]
    plan = pipeline(*map(direct, models), neighbor_adaptation="always").plan
    provision = Provision(counted(calls), keeper, 0.5)
    for step in range(6):
        if step == 3:
            calls.clear()
        provision.lists(plan, batch.with_fields(positions=batch.positions + 0.002 * step))
    assert (calls[4.0], calls[5.0]) == (3, 3)
