"""Stacks: the same numbers as one member after the other, and refusals of whatever would give others."""

from __future__ import annotations

import copy
import functools
import pickle
import threading

import attrs
import pytest
import torch
from support import differences
from support.stackable import PairNetwork, members
from support.structures import ethanol, left_handed, salt, water

from alchemi_core import Batch, OnGraph, PipelineGroup, PipelineModelWrapper
from alchemi_core.errors import CompositionError, ModelOutputError, UnknownOutputError, WiringError
from alchemi_core.stacking.form import obstacle
from alchemi_core.stacking.stack import Stack

ALL = frozenset({"energy", "node_energies", "forces", "stress", "virial"})
SHAPES = {"energy": (3, 1), "node_energies": (13,), "forces": (13, 3), "stress": (3, 3, 3), "virial": (3, 3, 3)}


def pipeline(model):
    return PipelineModelWrapper(groups=[PipelineGroup([model], use_autograd=True)], skin=0.0)


def listed(*atoms, dtype=torch.float64):
    batch = Batch.from_ase(list(atoms), dtype=dtype)
    (hook,) = pipeline(PairNetwork()).make_neighbor_hooks(ALL if batch.cell is not None else {"energy"})
    return hook(batch)


def mixed(dtype=torch.float64):
    return listed(salt(), ethanol(), left_handed(), dtype=dtype)


def together(models, batch, names=ALL, **how):
    return Stack.of(models).evaluate(batch, batch.neighbors[0], names, **how)


def one_by_one(models, batch, names=ALL):
    outputs = [pipeline(model)(batch, requested=names) for model in models]
    return {name: torch.stack([out[name] for out in outputs]) for name in names}


def assert_same(found, expected, within=1e-12):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=within, atol=within, equal_nan=True)


@pytest.mark.parametrize(("dtype", "within"), [(torch.float64, 1e-12), (torch.float32, 2e-5)])
def test_members_give_together_what_they_give_alone(dtype, within):
    models, batch = members(), mixed(dtype)
    if dtype is torch.float32:
        models = [model.float() for model in models]
    found = together(models, batch)
    assert {name: tuple(value.shape) for name, value in found.items()} == {n: (3, *s) for n, s in SHAPES.items()}
    assert all(value.dtype is dtype and not value.requires_grad for value in found.values())
    assert_same(found, one_by_one(models, batch), within)


@pytest.mark.parametrize("names", [{"energy"}, {"forces"}, {"node_energies", "virial"}])
def test_only_what_is_asked_comes_back(names):
    models, batch = members(), mixed()
    assert_same(together(models, batch, names), one_by_one(models, batch, names))


def test_a_molecule_has_forces_and_no_stress():
    models, batch = members(), listed(water())
    found = together(models, batch, {"forces", "stress", "virial"})
    assert_same(found, one_by_one(models, batch, {"forces", "virial"}))


def test_derivatives_equal_central_differences():
    models, batch = members(2), listed(salt(), water(0.3))
    found = together(models, batch, {"forces", "virial"})
    for number, model in enumerate(models):
        pipe = pipeline(model)
        expected = differences.derivatives(lambda b, pipe=pipe: pipe(b, requested="energy")["energy"], batch, found)
        for name, value in expected.items():
            torch.testing.assert_close(found[name][number], value, rtol=1e-8, atol=1e-9)


def test_weights_are_on_the_graph_of_energies_and_forces():
    models, batch = members(), mixed()
    names = {"energy", "forces"}
    found = together(models, batch, names, differentiable=True)
    loss = found["energy"].square().sum() + found["forces"].square().sum()
    slopes = torch.autograd.grad(loss, [p for model in models for p in model.parameters()])
    for model in models:
        out = pipeline(model).train()(batch, requested=names)
        loss = out["energy"].square().sum() + out["forces"].square().sum()
        for expected in torch.autograd.grad(loss, list(model.parameters())):
            torch.testing.assert_close(slopes[0], expected, rtol=1e-10, atol=1e-10)
            slopes = slopes[1:]


def _step(models):
    with torch.no_grad():  # as optimisers do it
        for parameter in models[1].parameters():
            parameter.add_(torch.ones_like(parameter), alpha=-0.1)


CHANGES = {
    "a step of an optimiser": _step,
    "a state dict": lambda models: models[1].load_state_dict(PairNetwork(9).state_dict()),
    "another parameter": lambda models: setattr(models[1], "shift", torch.nn.Parameter(models[1].shift.detach() + 1)),
    "data written to": lambda models: models[1].shift.data.add_(1.0),
    "a buffer written to": lambda models: models[1].centers.add_(0.1),
    "another layer": lambda models: setattr(models[1], "layers", PairNetwork(9).layers),
    "another precision": lambda models: [model.float() for model in models],
    "back to the first precision": lambda models: [model.float().double() for model in models],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changes_of_members_are_seen(change):
    models, batch = members(), mixed()
    stack = Stack.of(models)
    before = stack.evaluate(batch, batch.neighbors[0], ALL)
    change(models)
    after = stack.evaluate(batch, batch.neighbors[0], ALL)
    assert not torch.equal(before["energy"][1], after["energy"][1])
    within = 1e-12 if models[0].shift.dtype is torch.float64 else 2e-6
    assert_same(after, one_by_one(models, batch), within)


def _round_one(models):
    models[1].float()


def _freeze_one(models):
    models[1].train(mode=False)


def _declare_anew(models):
    models[1].model_config = attrs.evolve(models[1].model_config, name="other")


@pytest.mark.parametrize("change", [_round_one, _freeze_one, _declare_anew])
def test_members_that_grew_apart_are_refused(change):
    models, batch = members(), mixed()
    stack = Stack.of(models)
    assert stack.fits()
    change(models)
    assert not stack.fits()
    with pytest.raises(CompositionError, match="member 1 differs from member 0 in"):
        stack.evaluate(batch, batch.neighbors[0], ALL)


class Other(PairNetwork):
    pass


def changed(**attributes):
    model = PairNetwork(1)
    for name, value in attributes.items():
        setattr(model, name, value)
    return model


def _tied():
    model = PairNetwork(1)
    model.layers[0].bias = model.layers[2].weight = torch.nn.Parameter(torch.zeros(1, 6, dtype=torch.float64))
    return model


def _hooked():
    model = PairNetwork(1)
    model.layers.register_forward_hook(lambda *_: None)
    return model


def _parametrized():
    model = PairNetwork(1)
    torch.nn.utils.parametrizations.weight_norm(model.layers[0])
    return model


def _activated(activation):
    model = PairNetwork(1)
    model.layers[1] = activation
    return model


def _holding(value):
    return changed(held=value)


def _closure(factor):
    return lambda x: factor * x


UNLIKE = {
    "another class": (PairNetwork(), Other(1)),
    "not declared": (PairNetwork(), PairNetwork(1, stackable=False)),
    "another cutoff": (PairNetwork(), PairNetwork(1, cutoff=4.6)),
    "another cutoff beside the config": (PairNetwork(), changed(cutoff=4.6)),
    "other elements": (PairNetwork(elements={1, 8}), PairNetwork(1, elements={1, 6, 8})),
    "another number of features": (PairNetwork(), PairNetwork(1, hidden=7)),
    "another precision": (PairNetwork(), PairNetwork(1).float()),
    "another mode": (PairNetwork(), PairNetwork(1).eval()),
    "a further buffer": (PairNetwork(), changed(mean=torch.nn.Buffer(torch.zeros(3)))),
    "a tensor that is no buffer": (_holding(torch.zeros(3)), _holding(torch.ones(3))),
    "another layer": (PairNetwork(), _activated(torch.nn.SiLU())),
    "an option of a layer": (_activated(torch.nn.LeakyReLU(0.1)), _activated(torch.nn.LeakyReLU(0.2))),
    "tied parameters": (PairNetwork(), _tied()),
    "a hook": (PairNetwork(), _hooked()),
    "the same kind of hook": (_hooked(), _hooked()),
    "a parametrization": (_parametrized(), _parametrized()),
    "an attribute more": (PairNetwork(), _holding(None)),
    "another type": (_holding(1), _holding(1.0)),
    "zeros of two signs": (_holding(0.0), _holding(-0.0)),
    "not a number": (_holding(float("nan")), _holding(float("nan"))),
    "a table": (_holding({1: 0, 6: 1}), _holding({1: 0, 8: 1})),
    "the order of a table": (_holding({1: 0, 6: 1}), _holding({6: 1, 1: 0})),
    "a set": (_holding({1, 2}), _holding({1, 3})),
    "an array": (_holding(torch.zeros(2).numpy()), _holding(torch.ones(2).numpy())),
    "a longer list": (_holding([1]), _holding([1, 2])),
    "a partial": (_holding(functools.partial(max, 1)), _holding(functools.partial(max, 2))),
    "a closure": (_holding(_closure(1.0)), _holding(_closure(2.0))),
    "a function": (_holding(torch.tanh), _holding(torch.sin)),
    "a method": (_holding([1].count), _holding([2].count)),
    "what cannot be compared": (_holding(iter([1])), _holding(iter([1]))),
    "code": (_holding(torch.fx.symbolic_trace(torch.nn.Tanh())), _holding(torch.fx.symbolic_trace(torch.nn.SiLU()))),
}


@pytest.mark.parametrize("pair", UNLIKE.values(), ids=UNLIKE)
def test_members_that_are_not_alike_are_refused(pair):
    assert obstacle(pair) != ""
    assert Stack.of(pair) is None


ALIKE = {
    "the same table": lambda: {1: [0, (1.5, "a")]},
    "the same closure": lambda: _closure(2.0),
    "the same code": lambda: torch.fx.symbolic_trace(torch.nn.Tanh()),
    "an object with a link to itself": lambda: _linked(),
}


def _linked():
    kept = {"rule": OnGraph()}
    kept["self"] = kept
    return kept


@pytest.mark.parametrize("make", ALIKE.values(), ids=ALIKE)
def test_what_is_the_same_is_found_to_be(make):
    assert obstacle([_holding(make()), _holding(make())]) == ""


def test_where_members_were_loaded_from_does_not_matter():
    first, second = PairNetwork(), PairNetwork(1)
    first.origin, second.origin = "one", "another"
    assert obstacle([first, second]) == ""


def test_there_is_no_stack_of_nothing():
    assert Stack.of([]) is None


@pytest.mark.parametrize("again", [copy.deepcopy, lambda stack: pickle.loads(pickle.dumps(stack))])
def test_copies_of_a_stack_have_members_of_their_own(again):
    models, batch = members(), mixed()
    stack = Stack.of(models)
    expected = stack.evaluate(batch, batch.neighbors[0], ALL)
    copied = again(stack)
    with torch.no_grad():
        models[0].shift.add_(1.0)
    assert_same(copied.evaluate(batch, batch.neighbors[0], ALL), expected, 0.0)


def test_members_are_left_as_they_were():
    models, batch = members(), mixed()
    before = [{**model.state_dict()} for model in models]
    held = [{name: id(value) for name, value in vars(model).items()} for model in models]
    together(models, batch)
    assert held == [{name: id(value) for name, value in vars(model).items()} for model in models]
    for model, state in zip(models, before, strict=True):
        assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
        assert all(parameter.grad is None for parameter in model.parameters())


def test_threads_do_not_meet():
    stacks = Stack.of(members())
    batches = [listed(salt(seed)) for seed in range(4)]
    expected = [stacks.evaluate(batch, batch.neighbors[0], ALL) for batch in batches]
    wrong = []

    def run(number):
        batch = batches[number]
        for _ in range(10):
            found = stacks.evaluate(batch, batch.neighbors[0], ALL)
            wrong.extend(name for name in ALL if not torch.equal(found[name], expected[number][name]))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_an_output_that_members_do_not_have_is_an_error():
    batch = mixed()
    with pytest.raises(UnknownOutputError, match="was asked for 'force'"):
        together(members(), batch, {"force"})


def test_a_list_has_to_be_given():
    with pytest.raises(WiringError, match="comes without a neighbor list"):
        Stack.of(members()).evaluate(mixed(), None, ALL)


class Silent(PairNetwork):
    def compute(self, view, requested):
        return {"energy": super().compute(view, requested)["energy"].flatten()}


@pytest.mark.parametrize(("names", "text"), [({"energy"}, "energy of shape"), ({"node_energies"}, "'node_energies'")])
def test_answers_are_checked(names, text):
    batch = mixed()
    with pytest.raises(ModelOutputError, match=text):
        together([Silent(), Silent(1)], batch, names)
