"""Members of a committee in one call: the numbers that each of them gives alone."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from alchemi_mace.generated import renew_all
from alchemi_mace.model import MACE

from alchemi_core import Batch
from alchemi_core.stacking.form import obstacle
from alchemi_core.stacking.stack import Stack

KINDS = ["scaled", "zbl", "non-linear", "dipoles"]


Members = Callable[..., list[MACE]]
Listed = Callable[..., Batch]


@pytest.fixture
def members(network: Any) -> Members:
    """Make members of a committee: one kind of network with several sets of weights."""

    def make(kind: str = "scaled", count: int = 2, **options: Any) -> list[MACE]:
        networks = [network(kind, seed) for seed in range(count)]
        for one in networks:
            renew_all(one)  # as for every network from a file
        return [MACE(one, **options) for one in networks]

    return make


@pytest.fixture
def listed(pipeline: Any, structures: Any) -> Listed:
    """Make a batch of named structures with the list that a model reads."""

    def make(model: MACE, *names: str) -> Batch:
        (hook,) = pipeline(model).make_neighbor_hooks()
        return hook(Batch.from_ase([structures[name] for name in names]))

    return make


def assert_same(found: Any, expected: list[Any], within: float) -> None:
    for name, value in found.items():
        alone = torch.stack([out[name] for out in expected])
        torch.testing.assert_close(value, alone, rtol=within, atol=within, equal_nan=True)


@pytest.mark.parametrize("kind", KINDS)
def test_members_give_together_what_they_give_alone(kind: str, members: Members, listed: Listed, pipeline: Any) -> None:
    models = members(kind)
    batch = listed(models[0], "rock salt", "molecule", "slab", "with a lone atom")
    names = models[0].model_config.outputs | {"forces", "stress", "virial"}
    found = Stack.of(models).evaluate(batch, batch.neighbors[0], names)
    assert_same(found, [pipeline(model)(batch, requested=names) for model in models], 1e-11)


def test_also_with_weights_in_single_precision(members: Members, listed: Listed, pipeline: Any) -> None:
    models = [model.float() for model in members()]
    batch = listed(models[0], "rock salt", "molecule")
    names = {"energy", "forces", "stress"}
    found = Stack.of(models).evaluate(batch, batch.neighbors[0], names)
    assert_same(found, [pipeline(model)(batch, requested=names) for model in models], 1e-5)


def test_members_can_be_trained_together(members: Members, listed: Listed, pipeline: Any) -> None:
    models = members()
    batch = listed(models[0], "molecule", "boxed molecule")
    found = Stack.of(models).evaluate(batch, batch.neighbors[0], {"energy", "forces"}, differentiable=True)
    weights = [next(model.network.interactions[0].parameters()) for model in models]
    slopes = torch.autograd.grad(found["forces"].square().sum(), weights)
    for model, weight, slope in zip(models, weights, slopes, strict=True):
        forces = pipeline(model).train()(batch, requested="forces")["forces"]
        torch.testing.assert_close(slope, torch.autograd.grad(forces.square().sum(), weight)[0], rtol=1e-9, atol=1e-12)


def test_the_name_of_a_file_does_not_matter_and_members_stay_as_they_are(make: Any) -> None:
    models = [copy.deepcopy(make()) for _ in range(2)]
    models[1].foundation = "small"
    assert obstacle(models) == ""
    assert models[1].foundation == "small"


def test_other_heads_and_other_layers_are_refused(members: Members) -> None:
    network = members("default head", 1)[0].network
    assert "head" in obstacle([MACE(network, head=head) for head in ("crystals", "molecules")])
    assert obstacle([*members("scaled", 1), *members("zbl", 1)])


def test_networks_that_were_compiled_are_not_stacked(network: Any) -> None:
    assert not MACE(network("scaled")).model_config.stackable


def test_networks_that_read_charge_and_spin_are_not_stacked(members: Members) -> None:
    assert not members("states", 1)[0].model_config.stackable
