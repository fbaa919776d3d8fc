"""Pipelines on the fast neighbor backends give what they give on the core's own."""

from itertools import product

import pytest
import torch
from support.pipelines import ALL, CORE, autograd, direct, pipeline
from support.structures import batch_of, ethanol, left_handed, outside, salt, slab_without_height, water
from support.toys import PairSum

from alchemi_core.registry import default_registry

READERS = [(5.0, "coo", True), (6.0, "matrix", False), (15.0, "coo", False), (6.0, "coo", False)]


def trajectory(dtype):
    """A batch of everything, then the same a little later, twice, and at last somewhere else."""
    batch = batch_of(salt(), water(), slab_without_height(), left_handed(), outside(), ethanol(), dtype=dtype)
    for distance in (0.0, 0.02, 0.05, 3.0):
        yield batch.with_fields(positions=batch.positions + distance * torch.sin(7.0 * batch.positions))


def test_the_fast_backend_is_the_one_used():
    assert default_registry().best_neighbors("convert", "cpu").name == "numba-convert"
    text = str(pipeline(*(direct(PairSum(*reader)) for reader in READERS), registry=default_registry()).plan)
    assert "convert" in text


@pytest.mark.parametrize("policy", ["auto", "always", "never"])
@pytest.mark.parametrize("skin", [0.0, 0.5])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
def test_pipelines_see_the_same_pairs(policy, skin, dtype):
    settings = {"neighbor_adaptation": policy, "skin": skin}
    pipes = [
        pipeline(autograd(*(PairSum(*reader) for reader in READERS)), registry=registry, **settings)
        for registry in (CORE, default_registry())
    ]
    tolerance = 1e-12 if dtype == torch.float64 else 2e-5
    for batch in trajectory(dtype):
        slow, fast = (pipe(batch, requested=ALL) for pipe in pipes)
        for name in ALL:
            torch.testing.assert_close(fast[name], slow[name], rtol=tolerance, atol=tolerance, equal_nan=True)


@pytest.mark.parametrize("kinds", list(product(("coo", "matrix"), (False, True))), ids=str)
def test_brought_lists_are_converted_alike(kinds):
    (batch, *_) = trajectory(torch.float64)
    (add_lists,) = pipeline(direct(PairSum(7.0, *kinds)), registry=CORE).make_neighbor_hooks()
    brought = add_lists(batch)
    models = [PairSum(*reader) for reader in READERS if reader[0] < 7.0]
    slow, fast = (pipeline(autograd(*models), registry=r)(brought, requested=ALL) for r in (CORE, default_registry()))
    for name in ALL:
        torch.testing.assert_close(fast[name], slow[name], rtol=1e-12, atol=1e-12, equal_nan=True)
