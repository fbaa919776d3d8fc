"""Members evaluated in one call give what they give one by one."""

import copy

import pytest
import torch
from support.pipelines import CORE, autograd, pipeline
from support.stackable import PairNetwork, members
from support.structures import batch_of, mixed, salt
from support.toys import Charges, Coulomb, Kernel

from alchemi_core import evaluation
from alchemi_core.algebra import differentiate
from alchemi_core.committees import committee
from alchemi_core.evaluation import STACKED_SIZE
from alchemi_core.weights import Coupling

ALL = frozenset({"energy", "forces", "stress", "energy_std", "forces_std", "stress_std"})


def both(compose, **options):
    """The same composition of networks that can be stacked, and of networks that say they cannot."""
    return [compose(committee(members(stackable=stackable, **options), registry=CORE)) for stackable in (True, False)]


def assert_alike(one, two, rtol=1e-10, atol=1e-12):
    assert list(one) == list(two)
    for name, value in one.items():
        torch.testing.assert_close(value, two[name], rtol=rtol, atol=atol, equal_nan=True)


@pytest.fixture
def calls(monkeypatch):
    """How often the code of a network runs."""
    counted, own = [], PairNetwork.compute

    def compute(self, view, requested):
        counted.append(requested)
        return own(self, view, requested)

    monkeypatch.setattr(PairNetwork, "compute", compute)
    return counted


COMPOSITIONS = {
    "alone": lambda pipe: pipe,
    "scaled": lambda pipe: -0.3 * pipe,
    "beside others": lambda pipe: pipe + Kernel(0.2) + pipeline(autograd(Charges(), Coulomb())),
    "two": lambda pipe: pipe + 0.5 * copy.deepcopy(pipe),
}


@pytest.mark.parametrize("name", COMPOSITIONS)
@pytest.mark.parametrize(
    "asked", [ALL, {"energy", "forces"}, {"energy"}, {"forces_std"}], ids=lambda a: "-".join(sorted(a))
)
def test_the_numbers_are_the_same(name, asked):
    one, two = both(COMPOSITIONS[name])
    assert one._current().declaration.stacks
    assert not two._current().declaration.stacks
    assert_alike(one(mixed(), requested=asked), two(mixed(), requested=asked))


def test_the_plan_says_so():
    one, two = both(lambda pipe: pipe + Kernel())
    assert "members [0] [1] [2]   in one call where they are alike and that is faster" in str(one.plan)
    assert "members" not in str(two.plan)


def test_one_call_for_all(calls):
    pipe = committee(members(), registry=CORE)
    for asked in (ALL, {"energy", "forces"}, {"energy"}):
        calls.clear()
        pipe(mixed(), requested=asked)
        assert len(calls) == 1


def test_large_batches_one_by_one(calls, monkeypatch):
    pipe = committee(members(), registry=CORE)
    size = sum(one.numel() for one in PairNetwork().parameters())
    structures = [salt() for _ in range(STACKED_SIZE // (2 * size * 10) + 1)]
    pipe(batch_of(*structures), requested={"energy"})
    assert len(calls) == 1
    monkeypatch.setattr(evaluation, "STACKED_SIZE", STACKED_SIZE // 10)
    pipe(batch_of(*structures), requested={"energy"})
    assert len(calls) == 1 + 3


def test_contributions():
    one, two = both(COMPOSITIONS["scaled"])
    found, expected = (pipe(mixed(), contributions=True).contributions for pipe in (one, two))
    assert [(c.step, c.label, c.name) for c in found] == [(c.step, c.label, c.name) for c in expected]
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a.value, b.value, rtol=1e-10, atol=1e-12, equal_nan=True)


def test_weights_that_are_functions():
    lam = Coupling()
    one, two = both(lambda pipe: lam * pipe + (1 - lam) * Kernel())
    batch = mixed().with_fields(coupling=torch.tensor([[0.3], [0.8]], dtype=torch.float64))
    assert_alike(one(batch), two(batch))


def test_weights_are_those_of_now():
    pipe = committee(members(), registry=CORE)
    before = pipe(mixed())["energy"]
    with torch.no_grad():
        for one in pipe.parameters():
            one.mul_(1.1)
    other = committee(members(stackable=False), registry=CORE)
    with torch.no_grad():
        for one in other.parameters():
            one.mul_(1.1)
    assert_alike(pipe(mixed()), other(mixed()))
    assert not torch.allclose(pipe(mixed())["energy"], before)


def test_strategies_take_members_one_by_one():
    one, two = both(lambda pipe: differentiate(pipe, "finite-difference", registry=CORE))
    assert not one._current().declaration.stacks
    assert_alike(one(mixed(), {"forces", "forces_std"}), two(mixed(), {"forces", "forces_std"}))


def test_training_is_as_ever():
    grads = []
    for pipe in both(lambda pipe: pipe):
        out = pipe.train()(mixed(), requested={"energy", "forces", "forces_std"})
        loss = out["forces"].square().sum() + out["forces_std"].sum()
        grads.append(torch.autograd.grad(loss, list(pipe.parameters()), allow_unused=True))
    for a, b in zip(*grads, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)


def test_different_networks_are_no_stack():
    mixed_sizes = committee([PairNetwork(0), PairNetwork(1, hidden=5)], registry=CORE)
    assert not mixed_sizes._current().declaration.stacks
    assert mixed_sizes(mixed())["forces_std"].max() > 0.0


def test_inside_an_autograd_group_and_under_no_grad():
    one, two = both(lambda pipe: pipeline(autograd(pipe)))
    assert_alike(one(mixed()), two(mixed()))
    with torch.no_grad():
        assert_alike(one(mixed()), two(mixed()))
    with torch.inference_mode():
        assert_alike(one(mixed()), two(mixed()))
