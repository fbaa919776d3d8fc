"""Neighbor data that outlives its call in silence elsewhere (numbers 10, 11 and 12): right here, or refused."""

import pytest
import torch
from support import byhand
from support.any_lists import AnyList, all_layouts, energy_of_all, own_list
from support.pipelines import ALL, direct, pipeline
from support.structures import batch_of, mixed, salt, water
from support.toys import PairSum

from alchemi_core.errors import ModelOutputError, NeighborError


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


def test_10_an_old_matrix_beside_fresh_pairs_does_not_win():
    """Lists of an earlier geometry leave the batch with it, so only what was added since is there to be read."""
    old = mixed().with_neighbors(own_list(mixed(), 5.5, "matrix", half=False))
    stretched = old.with_fields(positions=old.positions * 1.2, cell=old.cell * 1.2)
    fresh = stretched.with_neighbors(*stretched.neighbors, own_list(stretched, 5.5, "coo", half=False))
    assert [one.format.value for one in fresh.neighbors] == ["coo"]
    byhand.assert_outputs(all_layouts()(fresh, requested={"energy"}), {"energy": energy_of_all(stretched)})
    assert old.moved(old.positions * 1.2).neighbors == ()


@pytest.mark.parametrize("policy", ["auto", "always", "never"])
def test_10_a_list_that_one_call_brings_is_gone_in_the_next(policy):
    """What is brought is taken at its word, here a list without pairs; no later call may see it."""
    pipe, batch = all_layouts(policy), mixed()
    empty = own_list(
        batch.with_fields(positions=100.0 * batch.positions, cell=100.0 * batch.cell), 5.5, "coo", half=False
    )
    assert float(pipe(batch.with_neighbors(empty), requested={"energy"})["energy"].abs().sum()) == 0.0
    for _ in range(2):
        byhand.assert_outputs(pipe(batch, requested={"energy"}), {"energy": energy_of_all(batch)})


def test_10_pipelines_that_share_models_do_not_share_lists():
    model = AnyList("coo", half=False)
    first, second = pipeline(direct(model)), pipeline(direct(model), skin=0.0)
    batch = mixed()
    for step in range(4):
        batch = batch.with_fields(positions=batch.positions + 0.02 * torch.sin(9.0 * batch.positions))
        pipe = (first, second)[step % 2]
        byhand.assert_outputs(pipe(batch, requested={"energy"}), {"energy": byhand.gaussians(batch)}, rtol=1e-12)


@pytest.mark.parametrize("name", ["positions", "cell"])
def test_10_memory_that_others_write_into_is_looked_at(name):
    """Arrays of NumPy and kernels change tensors without torch's knowledge."""
    memory = getattr(mixed(), name).numpy().copy()
    batch, pipe = mixed().with_fields(**{name: torch.from_numpy(memory)}), all_layouts()
    for scale in (1.0, 1.003, 0.9, 1.05):
        memory *= scale
        byhand.assert_outputs(pipe(batch, requested={"energy"}), {"energy": energy_of_all(batch)}, rtol=1e-12)


def test_10_pbc_changed_in_place_is_noticed():
    pipe, batch = all_layouts(), mixed()
    crystal = pipe(batch, requested={"energy"})["energy"][0].item()
    batch.pbc[0, 2] = False
    byhand.assert_outputs(pipe(batch, requested={"energy"}), {"energy": energy_of_all(batch)})
    assert pipe(batch, requested={"energy"})["energy"][0].item() != crystal


def test_11_a_fixed_width_that_no_longer_suffices_is_an_error_and_leaves_nothing_behind():
    """The first structure fits, the next does not; the error says how wide it must be, and the first still works."""
    batch = batch_of(salt())
    rows = own_list(batch, 4.0, "matrix", half=False)
    pipe = pipeline(direct(AnyList("matrix", half=False, width=rows.neighbor_matrix.shape[1])))
    dense = batch.with_fields(positions=batch.positions * 0.7, cell=batch.cell * 0.7)
    most = int(own_list(dense, 4.0, "matrix", half=False).num_neighbors.max())
    for _ in range(2):
        byhand.assert_outputs(pipe(batch, requested={"energy"}), {"energy": byhand.gaussians(batch)})
        with pytest.raises(NeighborError, match=rf"has {most} neighbors") as raised:
            pipe(dense, requested={"energy"})
        assert "width=" in raised.value.fix


@pytest.mark.parametrize("policy", ["auto", "always", "never"])
def test_11_a_molecule_first_then_a_crystal_of_equal_size(policy):
    """Same atoms, same places, same shapes of tensors; only the periodic directions differ."""
    crystal = batch_of(salt())
    molecule = crystal.with_fields(pbc=torch.zeros_like(crystal.pbc))
    energies = [float(energy_of_all(batch)) for batch in (molecule, crystal)]
    assert energies[1] > 2.0 * energies[0]
    for order in ((molecule, crystal), (crystal, molecule)):
        pipe = all_layouts(policy)
        for batch in order:
            byhand.assert_outputs(pipe(batch, requested=ALL), byhand.reference(energy_of_all, batch))


def test_11_two_batches_that_alternate_while_both_move():
    """Small steps of either, so that lists with a skin would be kept if the pipeline mistook one for the other."""
    pipe, generator = all_layouts(skin=0.6), torch.Generator().manual_seed(8)
    batches = [batch_of(salt(seed=1), water()), batch_of(salt(seed=2), water(0.4))]
    outs = []
    for turn in range(10):
        batch = batches[turn % 2]
        step = 0.02 * torch.randn(batch.positions.shape, generator=generator, dtype=torch.float64)
        batches[turn % 2] = batch = batch.with_fields(positions=batch.positions + step)
        outs.append((pipe(batch, requested={"energy"}), energy_of_all(batch)))
    for out, expected in outs:
        byhand.assert_outputs(out, {"energy": expected}, rtol=1e-12)


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


class Vandal(PairSum):
    """A model that works in the list it is lent."""

    def compute(self, view, requested):
        answer = super().compute(view, requested)
        view.neighbors.neighbor_list.zero_()
        return answer


def test_10_a_model_that_changes_its_list_is_named():
    pipe = pipeline(direct(Vandal(4.0)), direct(PairSum(4.0)))
    with pytest.raises(ModelOutputError, match="changed its neighbor list in place"):
        pipe(mixed(), requested={"energy"})


def test_10_a_kept_list_that_somebody_wrote_into_is_not_used():
    pipe, batch = pipeline(direct(PairSum(4.0))), mixed()
    expected = pipe(batch, requested={"energy"})["energy"]
    (add_lists,) = pipe.make_neighbor_hooks()
    add_lists(batch).neighbors[0].neighbor_list.zero_()
    torch.testing.assert_close(pipe(batch, requested={"energy"})["energy"], expected)
