"""Members of a committee in one call: the numbers that each of them gives alone."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from alchemi_sevennet.checkpoints import Provenance

from alchemi_core import Batch
from alchemi_core.stacking.form import obstacle
from alchemi_core.stacking.stack import Stack


@pytest.fixture
def members(model: Any) -> list[Any]:
    """The default checkpoint in float64, and two copies whose weights are off by some per cent."""
    made = [copy.deepcopy(model).double() for _ in range(3)]
    for number, member in enumerate(made):
        generator = torch.Generator().manual_seed(number)
        with torch.no_grad():
            for parameter in member.parameters():
                noise = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
                parameter.mul_(1.0 + 0.02 * number * noise)
    return made


@pytest.fixture
def listed(members: list[Any], pipeline: Any, structures: Any) -> Callable[..., Batch]:
    """Make a batch of named structures with the list that the members read."""

    def make(*names: str) -> Batch:
        (hook,) = pipeline(members[0]).make_neighbor_hooks()
        return hook(Batch.from_ase([structures[name] for name in names]))

    return make


def test_members_give_together_what_they_give_alone(members: list[Any], listed: Any, pipeline: Any) -> None:
    batch = listed("skewed diamond", "molecule", "slab", "with a lone atom")
    names = {"energy", "node_energies", "forces", "stress", "virial"}
    found = Stack.of(members).evaluate(batch, batch.neighbors[0], names)
    expected = [pipeline(member)(batch, requested=names) for member in members]
    for name, value in found.items():
        alone = torch.stack([out[name] for out in expected])
        torch.testing.assert_close(value, alone, rtol=1e-11, atol=1e-11, equal_nan=True)


def test_members_can_be_trained_together(members: list[Any], listed: Any, pipeline: Any) -> None:
    batch = listed("molecule")
    found = Stack.of(members).evaluate(batch, batch.neighbors[0], {"energy", "forces"}, differentiable=True)
    weights = [member.network.layers["1_convolution"].weight_nn.layer2.weight for member in members]
    slopes = torch.autograd.grad(found["forces"].square().sum() + found["energy"].sum(), weights)
    for member, weight, slope in zip(members, weights, slopes, strict=True):
        out = pipeline(member).train()(batch, requested={"energy", "forces"})
        loss = out["forces"].square().sum() + out["energy"].sum()
        torch.testing.assert_close(slope, torch.autograd.grad(loss, weight)[0], rtol=1e-8, atol=1e-10)


def test_the_file_a_member_came_from_does_not_matter(members: list[Any]) -> None:
    members[1].provenance = Provenance(source="second.pth")
    assert obstacle(members) == ""
    assert members[1].provenance.source == "second.pth"


def test_another_checkpoint_is_refused(members: list[Any], make: Any) -> None:
    assert obstacle([members[0], make(checkpoint="7net-l3i5")])
