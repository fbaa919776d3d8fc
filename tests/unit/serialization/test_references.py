"""Weights by reference: left out where the plugin makes them again, and compared when it does."""

import copy

import pytest
import torch
from support.pipelines import pipeline

from alchemi_core import PipelineGroup, load_pipeline
from alchemi_core.errors import SerializationError

from .networks import Network
from .plugins import OFFERED, made
from .sealed import Parts, sealed


def saved(path, *models, treat=lambda pipe: pipe):
    pipe = treat(pipeline(PipelineGroup(models, use_autograd=True), registry=OFFERED))
    pipe.save(path, reference_weights=True)
    return pipe


def again(path):
    return load_pipeline(path, registry=OFFERED)


def test_weights_that_the_plugin_makes_are_left_out(path, crystal):
    pipe = saved(path, made("network", seed=4), made("gaussians"), made("shift"))
    parts = Parts.of(path)
    assert parts.data == b""
    assert parts.document["models"][0]["reference"].keys() == {"first", "second", "shift", "centres"}
    loaded = again(path)
    for name, value in pipe(crystal).items():
        assert torch.equal(loaded(crystal)[name], value)
    loaded.save(path, reference_weights=True)
    assert Parts.of(path).document["models"] == parts.document["models"]
    loaded.save(path)
    assert torch.equal(again(path)(crystal)["forces"], pipe(crystal)["forces"])


def test_trained_weights_are_in_the_file_all_the_same(path, crystal):
    trained = made("network")
    with torch.no_grad():
        trained.first[0, 0] += 1e-12
    pipe = saved(path, trained, made("network"))
    first, second = Parts.of(path).document["models"]
    assert "reference" not in first
    assert first["weights"]
    assert "reference" in second
    assert torch.equal(again(path)(crystal)["forces"], pipe(crystal)["forces"])


def test_models_made_by_hand_are_in_the_file(path):
    saved(path, Network())
    assert Parts.of(path).data
    model = Network(seed=2)
    load_pipeline(path, models=[model])
    assert torch.equal(model.first, Network().first)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_another_floating_type_is_referred_to(path, crystal, dtype):
    pipe = saved(path, made("network"), treat=lambda pipe: pipe.to(dtype))
    assert Parts.of(path).data == b""
    model = again(path).topology.models[0]
    assert {one.dtype for one in model.state_dict().values()} == {dtype}
    assert torch.equal(again(path)(crystal)["energy"], pipe(crystal)["energy"])


def test_what_was_rounded_is_in_the_file(path, crystal):
    """Weights that went to float32 and back are not those that the plugin makes."""
    pipe = saved(path, made("network"), treat=lambda pipe: pipe.float().double())
    assert Parts.of(path).data
    assert torch.equal(again(path)(crystal)["energy"], pipe(crystal)["energy"])


def test_frozen_parameters_and_ties(path):
    model = made("network", tied=True)
    model.first.requires_grad_(False)
    saved(path, model, copy.deepcopy(model))
    first, second = again(path).topology.models
    assert first.second is first.first
    assert not first.first.requires_grad
    assert second.first is not first.first


def refused(path, parts, words):
    path.write_bytes(sealed(parts))
    with pytest.raises(SerializationError, match=words) as caught:
        again(path)
    return caught.value


def test_other_weights_of_the_plugin_are_refused(path):
    saved(path, made("network", seed=4))
    parts = Parts.of(path)
    parts.document["models"][0]["options"]["seed"] = 5
    parts.document["models"][0].get("spec", {}).update(seed=5)
    error = refused(path, parts, "are not those that the file refers to")
    assert "install the plugin" in error.fix


CHANGES = {
    "digest": lambda one: one["first"].update(sha256="0" * 64),
    "shape": lambda one: one["first"].update(shape=[16]),
    "type": lambda one: one["first"].update(dtype="float32"),
    "type of another kind": lambda one: one["first"].update(dtype="bool"),
    "type that is none": lambda one: one["first"].update(dtype="__class__"),
    "missing": lambda one: one.pop("first"),
    "surplus": lambda one: one.update(third=one["first"]),
    "no mapping": lambda one: one.update(first=None),
}


@pytest.mark.parametrize("what", CHANGES)
def test_changed_references_are_refused(path, what):
    saved(path, made("network"))
    parts = Parts.of(path)
    CHANGES[what](parts.document["models"][0]["reference"])
    refused(path, parts, "are not those that the file refers to")


@pytest.mark.parametrize("reference", [None, [], "x", 5])
def test_references_that_are_none(path, reference):
    saved(path, made("network"))
    parts = Parts.of(path)
    parts.document["models"][0]["reference"] = reference
    path.write_bytes(sealed(parts))
    with pytest.raises(SerializationError):
        again(path)


def test_a_model_handed_over_keeps_the_weights_it_has(path):
    saved(path, made("network", seed=4))
    given = Network(seed=5)
    load_pipeline(path, models=[given], registry=OFFERED)
    assert torch.equal(given.first, Network(seed=5).first)
