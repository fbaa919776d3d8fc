"""Models that want different lists get the same numbers whether lists are shared or each is built on its own."""

from itertools import product

import pytest
import torch
from support.pipelines import ALL, autograd, direct, pipeline
from support.structures import batch_of, left_handed, outside, salt, slab_without_height, water
from support.toys import PairSum

from alchemi_core.data.view import ModelView
from alchemi_core.derivatives.autograd import energy_derivatives
from alchemi_core.neighbors import building
from alchemi_core.neighbors.config import NeighborListFormat
from alchemi_core.neighbors.formats import to_matrix, with_index_dtype
from alchemi_core.neighbors.halves import to_half

READERS = [(5.0, "coo", True), (6.0, "matrix", False), (15.0, "coo", False)]
SETTINGS = [
    *({"neighbor_adaptation": policy} for policy in ("auto", "always", "never")),
    {"max_cutoff_ratio": 1.2},
    {"max_cutoff_ratio": 3.0},
]


def structures(dtype=torch.float64):
    return batch_of(salt(), water(), slab_without_height(), left_handed(), outside(), dtype=dtype)


def own_list(model, batch):
    """The list a model declares, built for it alone; tests of the builder are elsewhere."""
    need = model.model_config.neighbor_config
    pairs = building.build(batch, need.cutoff, 0.0)
    pairs = to_half(pairs) if need.half_list else pairs
    laid_out = to_matrix(pairs, need.width) if need.format is NeighborListFormat.MATRIX else pairs
    return with_index_dtype(laid_out, need.index_dtype)


def alone(model, batch):
    """Energy, forces and stress of one model on its own list, without a pipeline."""
    leaves = batch.with_leaves(batch.positions.clone().requires_grad_(), batch.cell.clone().requires_grad_())
    values = {name: leaves.get(name) for name in ("positions", "atomic_numbers", "batch_idx", "cell", "pbc")}
    view = ModelView(values, leaves, own_list(model, batch), "alone")
    energy = model.compute(view, ALL)["energy"]
    return {"energy": energy.detach(), **energy_derivatives(energy, leaves, ALL - {"energy"})}


def expected(models, batch):
    parts = [alone(model, batch) for model in models]
    return {name: sum(part[name] for part in parts) for name in ALL}


def assert_same(out, reference, **tolerance):
    for name in ALL:
        torch.testing.assert_close(out[name], reference[name], equal_nan=True, **tolerance)


@pytest.fixture(scope="module")
def trajectory():
    """Three geometries, the last being the first again, each with what the models give on lists of their own."""
    start, models = structures(), [PairSum(*reader) for reader in READERS]
    moved = start.with_fields(positions=start.positions + 0.05 * torch.sin(7.0 * start.positions))
    first, second = ((batch, expected(models, batch)) for batch in (start, moved))
    return first, second, first


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("grouped", [True, False], ids=["one group", "a group each"])
def test_three_models_of_different_cutoffs_formats_and_kinds(settings, grouped, trajectory):
    models = [PairSum(*reader) for reader in READERS]
    groups = [autograd(*models)] if grouped else [direct(model) for model in models]
    pipe = pipeline(*groups, **settings)
    for batch, reference in trajectory:
        assert_same(pipe(batch, requested=ALL), reference, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kinds", list(product(("coo", "matrix"), (False, True), repeat=2)), ids=str)
def test_every_pair_of_kinds_shares_one_list(kinds):
    models = [PairSum(5.0, *kinds[:2]), PairSum(4.5, *kinds[2:])]
    pipe, batch = pipeline(autograd(*models), neighbor_adaptation="always"), structures()
    assert_same(pipe(batch, requested=ALL), expected(models, batch), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("options", [{"width": 200}, {"index_dtype": "int64"}, {"width": 150, "index_dtype": "int64"}])
def test_width_and_integer_type_are_as_declared(options):
    wide = PairSum(6.0, "matrix", **options)
    models = [wide, PairSum(6.0, "matrix"), PairSum(6.0)]
    pipe, batch = pipeline(autograd(*models)), structures()
    assert_same(pipe(batch, requested=ALL), expected(models, batch), rtol=1e-12, atol=1e-12)


def test_float32_sees_the_same_pairs():
    models = [PairSum(*reader) for reader in READERS]
    batch = structures(torch.float32)
    out = pipeline(autograd(*models), neighbor_adaptation="always")(batch, requested=ALL)
    assert_same(out, expected(models, batch), rtol=2e-5, atol=2e-5)


def test_the_plan_says_what_was_shared():
    models = [PairSum(*reader) for reader in READERS]
    texts = {
        policy: str(pipeline(*map(direct, models), neighbor_adaptation=policy).plan) for policy in ("always", "never")
    }
    assert "cut out of the 15 Å pairs" in texts["always"]
    assert "cut out of the 6 Å pairs" in texts["always"]
    assert texts["never"].count("built, since the policy is never to share") == 2
    assert "then to_matrix" in texts["never"]
    assert "then to_half" in texts["never"]
