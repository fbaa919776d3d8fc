"""Single wrong entries of a sealed document, each refused for its own reason."""

import copy
import json

import numpy as np
import pytest
import torch
from support.pipelines import pipeline
from support.toys import Charges

from alchemi_core import PipelineGroup, load_pipeline
from alchemi_core.derivatives.finite_difference import FiniteDifference
from alchemi_core.errors import SerializationError

from .plugins import OFFERED, made
from .sealed import Parts, sealed


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    path = tmp_path_factory.mktemp("original") / "p.alchemi"
    steps = [made("network", width=2), made("anything", vector=torch.ones(2), place="here"), made("gaussians")]
    group = PipelineGroup(steps, use_autograd=True, derivative_fn=FiniteDifference(1e-3))
    pipeline(group, registry=OFFERED).save(path)
    return Parts.of(path)


@pytest.fixture
def parts(original):
    return copy.deepcopy(original)


def refused(path, parts, words, text=None, **options):
    path.write_bytes(sealed(parts, text))
    with pytest.raises(SerializationError, match=words) as caught:
        load_pipeline(path, registry=OFFERED, **options)
    return caught.value


def entry(number, **changes):
    return lambda document: document["models"][number].update(changes)


def option(**changes):
    return lambda document: document["models"][1]["options"].update(changes)


def weights(number, **changes):
    return lambda document: document["models"][number]["weights"].update(changes)


def step(**changes):
    return lambda document: document["topology"]["groups"][0]["steps"][0].update(changes)


def group(**changes):
    return lambda document: document["topology"]["groups"][0].update(changes)


def setting(**changes):
    return lambda document: document["topology"]["settings"].update(changes)


def need(**changes):
    whole = {"plugin": "alchemi-core", "version": "0", "offers": [["model", "gaussians"]], **changes}
    return lambda document: document["needs"].append(whole)


def nested(depth):
    def change(document):
        inner = copy.deepcopy(document["topology"])
        one = inner["groups"][0]["steps"][2]
        for _ in range(depth):
            step = {"pipeline": inner, "wire": {}, "weight": 1.0, "detach": False}
            inner = {
                "settings": document["topology"]["settings"],
                "groups": [{"use_autograd": False, "derivative": None, "steps": [step]}],
            }
        document["topology"] = inner
        assert one["model"] == 2

    return change


WRONG = {
    "no such offer": (entry(2, offer="cubes"), "no model named 'cubes'"),
    "offer by its import path": (entry(2, offer="os:system"), "no model named 'os:system'"),
    "offer of another kind": (entry(2, offer="autograd"), "no model named 'autograd'"),
    "offer that is a number": (entry(2, offer=1), "not understood"),
    "option that nobody knows": (entry(2, options={"strenght": 1.0}), "unexpected keyword argument"),
    "option of another kind": (entry(2, options={"strength": "one"}), "cannot be rebuilt"),
    "options that are a list": (entry(2, options=[]), "not understood"),
    "absolute path": (option(place="/etc/passwd"), "a place outside of the file"),
    "path of Windows": (option(place="C:\\x"), "a place outside of the file"),
    "path to a share": (option(place="\\\\host\\x"), "a place outside of the file"),
    "home": (option(place="~root/x"), "a place outside of the file"),
    "address": (option(place="https://host/x"), "a place outside of the file"),
    "address of a file": (option(place="file:/etc/passwd"), "a place outside of the file"),
    "escaping path": (option(place="a/../../b"), "a place outside of the file"),
    "nul": (option(place="a\0b"), "a place outside of the file"),
    "path inside": (option(place=[{"a": {"$tuple": ["/etc/passwd"]}}]), "a place outside of the file"),
    "path as a key": (option(place={"/etc/passwd": 1}), "a place outside of the file"),
    "path as a tagged key": (option(place={"$map": [["/etc/passwd", 1]]}), "a place outside of the file"),
    "trust": (option(trusted=True), "asks to be trusted"),
    "trust in other words": (option(trusted="yes"), "asks to be trusted"),
    "tag that nobody knows": (option(place={"$object": "os.system"}), "cannot be read"),
    "two tags": (option(place={"$tuple": [], "$set": []}), "cannot be read"),
    "tag beside a key": (option(place={"$tuple": [], "a": 1}), "cannot be read"),
    "floating type that is none": (option(place={"$dtype": "__class__"}), "cannot be read"),
    "number that is none": (option(place={"$float": "1"}), "cannot be read"),
    "set of lists": (option(place={"$set": [[]]}), "cannot be read"),
    "tuple that is a text": (option(place={"$tuple": "ab"}), "cannot be read"),
    "mapping with a key twice": (option(place={"$map": [[1, 2], [1, 3]]}), "cannot be read"),
    "tensor that is not there": (option(vector={"$tensor": "absent"}), "belong to nothing|cannot be read"),
    "tensor by a number": (option(more={"$tensor": 0}), "cannot be read"),
    "array of a type that numpy lacks": (option(more={"$array": ["0.weights.first"]}), "cannot be read"),
    "weights that are not there": (weights(2, strength="absent"), "belong to nothing|does not hold"),
    "weights by a number": (weights(2, strength=0), "belong to nothing|does not hold"),
    "weights of another shape": (weights(2, strength="0.weights.first"), "belong to nothing|do not match"),
    "weights that the model lacks": (weights(2, other="2.weights.strength"), "do not match"),
    "weights that are none": (entry(2, weights=None), "not understood"),
    "frozen that is no list": (entry(2, frozen="strength"), "not understood"),
    "surplus tensors": (entry(0, buffers={}), "belong to nothing"),
    "another contract": (entry(2, contract={"supports_pbc": False}), "another model_config"),
    "model that is not there": (step(model=3), "a step names model 3"),
    "model counted from the end": (step(model=-1), "a step names model -1"),
    "model that is true": (step(model=True), "entry 'model' is True"),
    "weight that is a text": (step(weight="1"), "entry 'weight' is '1'"),
    "weight that is none": (step(weight=None), "entry 'weight' is None"),
    "weight beyond all numbers": (step(weight=10**400), "entry 'weight' is 1000"),
    "factors without names": (step(weight={"scale": 1.0, "factors": [{}]}), "entry 'constant' is None"),
    "detach that is a number": (step(detach=1), "entry 'detach' is 1"),
    "wires of nothing": (step(wire={"charges": "energy"}), "holds no valid pipeline"),
    "no steps": (group(steps=[]), "no steps"),
    "derivative that is not there": (group(derivative={"name": "cubic", "options": {}}), "no derivative strategy"),
    "derivative with a strange option": (
        group(derivative={"name": "finite-difference", "options": {"steps": 1}}),
        "cannot be rebuilt",
    ),
    "derivative that is a number": (group(derivative=5), "has the derivative 5"),
    "derivative of the user": (group(derivative={"function": "mine"}), "a function of its own"),
    "derivative where none is taken": (group(use_autograd=False), "derivative_fn without use_autograd"),
    "setting that nobody knows": (setting(run="x"), "unknown settings"),
    "skin below zero": (setting(skin=-1), "skin is -1"),
    "rule for the energy": (setting(reductions={"energy": "mean"}), "a rule of its own"),
    "physics that nobody knows": (setting(accept=["magic"]), "accept names 'magic'"),
    "nested too deeply": (nested(17), "nested"),
    "entry that nobody knows": (lambda document: document.update(run="x"), "unknown entries"),
    "format that is no number": (lambda document: document.update(format="2"), "entry 'format'"),
    "format that is true": (lambda document: document.update(format=True), "entry 'format'"),
    "format of nobody": (lambda document: document.update(format=0), "has format 0"),
    "no models": (lambda document: document.pop("models"), "entry 'models'"),
    "no needs": (lambda document: document.pop("needs"), "entry 'needs'"),
    "no topology": (lambda document: document.pop("topology"), "topology"),
    "plugin to be typed": (need(plugin="x'; rm -rf ~; '"), "says that it needs"),
    "plugin that is an option": (need(plugin="--index-url=http://host"), "says that it needs"),
    "plugin that is a line": (need(plugin="x\ny"), "says that it needs"),
    "plugin of 1,000 letters": (need(plugin="x" * 1000), "says that it needs"),
    "version to be typed": (need(version="1.0'; rm -rf ~"), "says that it needs"),
    "offer that is a text": (need(offers=["gaussians"]), "says that it needs"),
    "offer to be printed": (need(offers=[["model", "\x1b[31m"]]), "says that it needs"),
    "kind to be printed": (need(offers=[["\x1b[31m", "a"]]), "says that it needs"),
    "no digest": (lambda document: document["tensors"].popitem(), "checksums do not agree"),
    "digest of another": (lambda document: document["tensors"].update({"0.weights.first": "0" * 64}), "checksums"),
    "digest of nothing": (lambda document: document["tensors"].update(absent="0" * 64), "checksums do not agree"),
    "no digests": (lambda document: document.update(tensors={}), "checksum"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_entries(path, parts, what):
    change, words = WRONG[what]
    change(parts.document)
    assert len(str(refused(path, parts, words))) < 5000


def test_deep_nesting_within_bounds_loads(path, parts):
    nested(8)(parts.document)
    path.write_bytes(sealed(parts))
    load_pipeline(path, registry=OFFERED)


@pytest.mark.parametrize("text", ['"format":3,"sha256":"{seal}","format":1', '"format":3,"format":3,"sha256":"{seal}"'])
def test_a_format_twice(path, parts, text):
    whole = parts.text().replace(f'"format":3,"sha256":"{"0" * 64}"', text.format(seal="0" * 64))
    refused(path, parts, "stands there twice", whole)


def test_no_seal(path, parts):
    refused(path, parts, "it has no checksum", json.dumps(parts.document | {"sha256": ""}))


def test_nan_in_weights_and_options(path, parts):
    bad = np.array([0.5, np.nan]).tobytes()
    for key in ("0.weights.first", "1.options.0", "0.buffers.centres"):
        content = parts.bytes_of(key)
        wrong = copy.deepcopy(parts).with_bytes(key, (bad * len(content))[: len(content)])
        if key.startswith("1"):
            wrong = copy.deepcopy(parts).with_bytes(key, np.array([np.nan, 1.0], dtype=np.float32).tobytes())
        error = refused(path, wrong, "NaN")
        assert "allow={'nan'}" in error.fix
        load_pipeline(path, registry=OFFERED, allow={"nan"})


@pytest.mark.parametrize("dtype", ["I64", "U64", "C64"])
def test_weights_that_are_no_numbers_of_their_kind(path, parts, dtype):
    parts.places["2.weights.strength"]["dtype"] = dtype
    refused(path, parts, "'strength' is torch")


def test_infinite_weights_are_numbers(path, parts):
    content = np.array([np.inf, -np.inf, 1.0, 2.0]).tobytes()
    path.write_bytes(sealed(parts.with_bytes("0.weights.first", content)))
    loaded = load_pipeline(path, registry=OFFERED)
    assert loaded.topology.models[0].first.flatten().tolist() == [np.inf, -np.inf, 1.0, 2.0]


def test_one_tensor_for_parameters_of_two_models_makes_them_one(path, parts):
    """A tie between models, as the pipeline could have had it."""
    parts.document["models"].append(copy.deepcopy(parts.document["models"][0]))
    parts.document["topology"]["groups"][0]["steps"].append({"model": 3, "wire": {}, "weight": 1.0, "detach": False})
    path.write_bytes(sealed(parts))
    models = load_pipeline(path, registry=OFFERED).topology.models
    assert models[3].first is models[0].first
    assert models[3].shift is not models[0].shift


def test_files_named_in_the_folder_are_not_opened(path, parts, monkeypatch):
    """A file sent along with a pipeline, named by one of its options."""
    (path.parent / "weights.pt").write_text("sent along")
    monkeypatch.chdir(path.parent)
    options = {"checkpoint": "weights.pt", "kept": {"$tensor": "1.options.0"}}
    for more in ({}, {"reference": {}}):
        wrong = copy.deepcopy(parts)
        wrong.document["models"][1].update(offer="opener", name="opener", contract=None, options=options, **more)
        refused(path, wrong, "'weights.pt', a file of this machine")


def test_trust_may_be_denied(path, parts):
    option(trusted=False)(parts.document)
    path.write_bytes(sealed(parts))
    assert load_pipeline(path, registry=OFFERED).topology.models[1].options["trusted"] is False


def test_allowances_have_names(path, parts):
    path.write_bytes(sealed(parts))
    with pytest.raises(TypeError, match="allow names 'nans'"):
        load_pipeline(path, registry=OFFERED, allow={"nans"})


def test_models_of_the_user_are_left_alone_by_what_is_refused(path, parts):
    parts.document["topology"]["groups"][0]["steps"][0]["model"] = 9
    given = made("gaussians", strength=7.0)
    refused(path, parts, "a step names model 9", models={2: given})
    assert given.strength.item() == 7.0
    with pytest.raises(SerializationError, match="was given where"):
        load_pipeline(path, registry=OFFERED, models={2: Charges()})
