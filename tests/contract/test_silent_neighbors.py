"""Neighbor data that goes wrong in silence elsewhere (numbers 9 to 14): right here, or refused."""

import attrs
import pytest
import torch
from support import byhand
from support.pipelines import ALL, autograd, direct, pipeline
from support.structures import batch_of, ethanol, left_handed, mixed, outside, salt, slab_without_height, water
from support.toys import Gaussians, Kernel, per_system, window

from alchemi_core.contract import OnGraph
from alchemi_core.errors import NeighborError
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.neighbors import brute_force
from alchemi_core.neighbors.config import NeighborConfig
from alchemi_core.neighbors.formats import to_matrix
from alchemi_core.neighbors.geometry import pair_vectors
from alchemi_core.neighbors.halves import to_half

LAYOUTS = [(format_, half) for format_ in ("coo", "matrix") for half in (False, True)]


class AnyList(BaseModelMixin):
    """The energy of `Gaussians` from a list of any layout; it looks at what it gets."""

    def __init__(self, format_, half, cutoff=4.0, strength=1.0):
        self.cutoff, self.strength = cutoff, strength
        need = NeighborConfig(cutoff, format=format_, half_list=half)
        self.model_config = ModelConfig(
            name=f"{format_}-{'half' if half else 'full'}",
            outputs={"energy": OnGraph()},
            supports_pbc=True,
            neighbor_config=need,
        )

    def compute(self, view, requested):
        need, got = self.model_config.neighbor_config, view.neighbors
        assert (got.cutoff, got.format, got.half_list, got.skin) == (need.cutoff, need.format, need.half_list, 0.0)
        r = pair_vectors(view.positions, view.cell, got, view.batch_idx).norm(dim=-1)
        if need.format.value == "matrix":
            mask = torch.arange(r.shape[1]) < got.num_neighbors[:, None]
            assert (got.neighbor_matrix[~mask] == view.num_atoms).all()
            i = torch.arange(view.num_atoms)[:, None].expand_as(r)[mask]
            r = r[mask]
        else:
            i = got.neighbor_list[:, 0].long()
            assert torch.equal(torch.bincount(i, minlength=view.num_atoms), got.edge_ptr.diff().long())
        assert r.numel() == 0 or r.max() < self.cutoff
        factor = (1.0 if need.half_list else 0.5) * self.strength
        pair = factor * torch.exp(-((r / 2.0) ** 2)) * window(r, self.cutoff)
        return {"energy": per_system(view, (view.positions.sum(1) * 0.0).index_add(0, i, pair))}


def all_layouts(policy=None, **settings):
    models = [AnyList(format_, half, cutoff) for cutoff in (3.0, 4.0, 5.5) for format_, half in LAYOUTS]
    return pipeline(autograd(*models), neighbor_adaptation=policy, **settings)


def energy_of_all(batch):
    return 4 * sum(byhand.gaussians(batch, cutoff=cutoff) for cutoff in (3.0, 4.0, 5.5))


def own_list(batch, cutoff, layout, half):
    made = brute_force.build(batch, cutoff, 0.0)
    made = to_half(made) if half else made
    return to_matrix(made) if layout == "matrix" else made


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


def test_10_of_two_lists_the_one_that_fits_is_read_whatever_the_order():
    short, long = own_list(mixed(), 3.0, "matrix", half=False), own_list(mixed(), 6.0, "coo", half=True)
    for lists in ((short, long), (long, short)):
        out = all_layouts()(mixed().with_neighbors(*lists), requested={"energy"})
        byhand.assert_outputs(out, {"energy": energy_of_all(mixed())})


@pytest.mark.parametrize("change", ["positions", "cell", "pbc"])
def test_10_a_list_does_not_survive_a_change_of_geometry(change):
    batch = mixed()
    (hook,) = all_layouts().make_neighbor_hooks()
    changes = {"positions": batch.positions * 1.3, "cell": batch.cell * 0.8, "pbc": torch.zeros_like(batch.pbc)}
    moved = hook(batch).with_fields(**{change: changes[change]})
    assert moved.neighbors == ()
    byhand.assert_outputs(all_layouts()(moved, requested={"energy"}), {"energy": energy_of_all(moved)})


def test_10_other_changes_keep_the_list():
    (hook,) = all_layouts().make_neighbor_hooks()
    batch = hook(mixed())
    assert batch.with_fields(charges=torch.zeros(5, dtype=torch.float64)).neighbors == batch.neighbors


def test_10_positions_changed_in_place_are_noticed():
    pipe, batch = all_layouts(), mixed()
    pipe(batch, requested={"energy"})
    batch.positions.mul_(0.9)
    byhand.assert_outputs(pipe(batch, requested={"energy"}), {"energy": energy_of_all(batch)})


def test_11_one_pipeline_serves_any_sequence_of_batches():
    """Atoms that come closer, batches of one size with and without pbc, other cells, other numbers of systems."""
    pipe, crystal = all_layouts(), batch_of(salt())
    dense = crystal.with_fields(positions=crystal.positions * 0.7, cell=crystal.cell * 0.7)
    open_ = crystal.with_fields(pbc=torch.zeros_like(crystal.pbc))
    without_cell = batch_of(salt()).with_fields(cell=None, pbc=None)
    sequence = [
        crystal,
        dense,
        open_,
        crystal,
        without_cell,
        crystal,
        mixed(),
        batch_of(water(), salt()),
        dense,
        crystal,
    ]
    for batch in sequence:
        byhand.assert_outputs(pipe(batch, requested={"energy"}), {"energy": energy_of_all(batch)}, rtol=1e-12)


def test_11_results_of_an_earlier_batch_do_not_change():
    pipe = all_layouts()
    first = pipe(mixed(), requested=ALL)
    kept = {name: value.clone() for name, value in first.items()}
    pipe(mixed().with_fields(positions=mixed().positions * 1.01), requested=ALL)
    byhand.assert_outputs(first, kept, rtol=0, atol=0)


@pytest.mark.parametrize("skin", [None, 0.0, 0.3, 2.0])
@pytest.mark.parametrize("policy", ["auto", "always", "never"])
def test_12_within_the_skin_every_reader_sees_its_cutoff_only(skin, policy):
    """The model itself asserts that no pair is beyond its cutoff; the energy that none is missing."""
    generator, pipe = torch.Generator().manual_seed(4), all_layouts(policy, skin=skin)
    batch = mixed()
    for _ in range(12):
        step = 0.04 * torch.randn(batch.positions.shape, generator=generator, dtype=torch.float64)
        batch = batch.with_fields(positions=batch.positions + step)
        byhand.assert_outputs(pipe(batch, requested={"energy"}), {"energy": energy_of_all(batch)}, rtol=1e-12)


def test_12_forces_within_the_skin():
    pipe = all_layouts()
    for scale in (1.0, 1.001, 1.002):
        batch = mixed().with_fields(positions=mixed().positions * scale)
        out = pipe(batch, requested=ALL)
    byhand.assert_outputs(out, byhand.reference(energy_of_all, batch))


def test_13_counts_fit_the_list_after_filtering():
    """Asserted by `AnyList` at every call; here with atoms that lose all their neighbors."""
    far = ethanol()
    far.positions[3] += 30.0
    batch = batch_of(salt(), far, water())
    byhand.assert_outputs(all_layouts("always")(batch, requested={"energy"}), {"energy": energy_of_all(batch)})


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_14_crystals_molecules_and_slabs_in_any_order(order):
    structures = [salt(), water(), slab_without_height()]
    batch = batch_of(*(structures[k] for k in order))
    expected = byhand.reference(energy_of_all, batch, ("forces", "stress"))
    byhand.assert_outputs(all_layouts()(batch, requested=ALL), expected)
    assert [bool(row.isnan().all()) for row in expected["stress"]] == [k != 0 for k in order]


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
