"""Options of models come back exactly, with their types; what no file can hold is said."""

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.pipelines import pipeline

from alchemi_core import PipelineGroup, load_pipeline
from alchemi_core.errors import SerializationError
from alchemi_core.serialization.portability import leads_elsewhere

from .plugins import OFFERED, made
from .sealed import Parts


def again(path, **options):
    """The options of a model that went through a file."""
    pipeline(PipelineGroup([made("anything", **options)]), registry=OFFERED).save(path)
    (model,) = load_pipeline(path, registry=OFFERED).topology.models
    assert dict(model.origin.options).keys() == options.keys()
    return model.options


def alike(one, other):
    """Equality that knows types, signs of zero and NaN."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return len(one) == len(other) and all(
            alike(a, b) and alike(one[a], other[b]) for a, b in zip(one, other, strict=True)
        )
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, float):
        return one.hex() == other.hex()
    return bool(one == other)


texts = st.text(max_size=5).filter(lambda text: not leads_elsewhere(text))
plain = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts, st.sampled_from(["$tuple", "$", "$map"]))
keys = st.one_of(st.integers(), texts, st.booleans(), st.none(), st.tuples(st.integers(), texts), st.just("$set"))
values = st.recursive(
    plain,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(keys, inner, max_size=3),
        st.sets(st.one_of(st.integers(), texts), max_size=3),
        st.frozensets(st.one_of(st.integers(), texts), max_size=3),
    ),
    max_leaves=6,
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(value=values)
def test_values_of_python(tmp_path_factory, value):
    assert alike(again(tmp_path_factory.getbasetemp() / "values.alchemi", value=value)["value"], value)


def test_numbers_of_numpy_become_those_of_python(path):
    options = again(path, count=np.int32(3), size=np.float32(0.1), on=np.bool_(True), far=np.float64("inf"))
    assert alike(options, {"count": 3, "size": float(np.float32(0.1)), "on": True, "far": math.inf})


TENSORS = {
    "float64": torch.tensor([[0.1, -0.0], [math.inf, 1e-320]], dtype=torch.float64),
    "number": torch.tensor(0.1),
    "bfloat16": torch.tensor([0.1, 3.0], dtype=torch.bfloat16),
    "integers": torch.tensor([2**62, -1]),
    "truth": torch.tensor([True, False]),
    "none": torch.zeros(0, 3),
    "view": torch.arange(12.0).view(3, 4)[:, 1:3].T,
    "expanded": torch.ones(1).expand(4),
    "trained": torch.ones(2, requires_grad=True),
}


def test_tensors(path):
    options = again(path, table=TENSORS, row=(TENSORS["number"], TENSORS["number"]))
    for name, tensor in TENSORS.items():
        found = options["table"][name]
        assert (found.dtype, found.shape) == (tensor.dtype, tensor.shape)
        assert torch.equal(found, tensor)
    assert [one.item() for one in options["row"]] == [TENSORS["number"].item()] * 2
    assert Parts.of(path).places.keys() >= {f"0.options.{number}" for number in range(len(TENSORS))}


ARRAYS = {
    "float64": np.array([[0.1, -0.0]]),
    "number": np.array(0.25),
    "float16": np.array([0.1], dtype=np.float16),
    "integers": np.arange(6, dtype=np.uint8).reshape(2, 3),
    "truth": np.array([True]),
    "none": np.zeros((0, 2)),
    "backwards": np.arange(4.0)[::-1],
    "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
}


def test_arrays(path):
    found = again(path, table=ARRAYS)["table"]
    for name, array in ARRAYS.items():
        assert isinstance(found[name], np.ndarray)
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], array)
        assert found[name].shape == array.shape
        found[name].fill(1)  # memory of its own, not of the file


def test_floating_types(path):
    types = [torch.float64, torch.float32, torch.bfloat16, torch.int64, torch.bool]
    assert again(path, types=types)["types"] == types


UNKNOWN = {
    "object": object(),
    "function": math.sin,
    "type": int,
    "module": math,
    "bytes": b"x",
    "complex number": 1j,
    "a third": Fraction(1, 3),
    "array of objects": np.array([object()]),
    "array of texts": np.array(["a"]),
    "array of dates": np.array(["2020-01-01"], dtype="datetime64[D]"),
    "array of the other byte order": np.array([1.0]).astype(">f8"),
    "sparse tensor": torch.eye(2).to_sparse(),
    "tensor without values": torch.zeros(2, device="meta"),
    "device": torch.device("cpu"),
    "module of torch": torch.nn.Linear(1, 1),
}


@pytest.mark.parametrize("what", UNKNOWN)
@pytest.mark.parametrize("where", [lambda one: one, lambda one: [{"a": (one,)}]], ids=["plain", "inside"])
def test_what_no_file_can_hold(path, what, where):
    with pytest.raises(SerializationError, match=r"option|tensor"):
        again(path, value=where(UNKNOWN[what]))
    assert not path.exists()


PLACES = {
    "absolute": "/somewhere/model.pt",
    "home": "~/model.pt",
    "upwards": "../model.pt",
    "of Windows": "D:\\model.pt",
    "address": "https://example.org/model.pt",
    "Path": Path("model.pt"),
    "Path inside": [{"a": Path("model.pt")}],
    "inside": ({"a": ["/somewhere/model.pt"]},),
    "as key": {"/somewhere/model.pt": 1},
}


@pytest.mark.parametrize("what", PLACES)
def test_models_made_of_places_are_handed_over(path, what):
    """The file says why; nothing of the place is needed to hand the model over."""
    model = made("anything", checkpoint=PLACES[what])
    pipeline(PipelineGroup([made("shift"), model]), registry=OFFERED).save(path)
    with pytest.raises(SerializationError, match="was given a place on the machine that wrote the file") as caught:
        load_pipeline(path, registry=OFFERED)
    assert "option 'checkpoint' is" in str(caught.value)
    assert "models={1: ...}" in caught.value.fix
    loaded = load_pipeline(path, models={1: model}, registry=OFFERED)
    assert loaded.topology.models[1] is model


def test_names_of_files_that_are_there_are_places(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    (path.parent / "model.pt").write_text("")
    for text, place in (("model.pt", True), ("other.pt", False), ("model", False)):
        pipeline(PipelineGroup([made("anything", checkpoint=text)]), registry=OFFERED).save(path)
        assert (Parts.of(path).document["models"][0]["offer"] is None) is place


def test_trust_is_not_written(path):
    pipeline(PipelineGroup([made("opener", trusted=True)]), registry=OFFERED).save(path)
    assert Parts.of(path).document["models"][0]["options"] == {}
    assert "trusted" not in load_pipeline(path, registry=OFFERED).topology.models[0].origin.options


def test_settings_and_weights_of_numpy(path):
    pipe = pipeline(
        PipelineGroup([np.float32(0.5) * made("shift")]),
        registry=OFFERED,
        skin=np.float32(0.25),
        max_cutoff_ratio=np.int64(2),
    )
    pipe.save(path)
    assert load_pipeline(path, registry=OFFERED).topology.settings == pipe.topology.settings
