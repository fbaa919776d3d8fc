"""Pipeline files: the same model without its checkpoint, and options that nobody honest wrote."""

import copy
import pickle

import numpy as np
import pytest
import torch
from alchemi_chgnet.model import CHGNetModel
from alchemi_chgnet.saving import CHGNetSerializer

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model, load_pipeline
from alchemi_core.errors import SerializationError
from alchemi_core.models import ModelOrigin
from alchemi_core.registry import default_registry

WANTED = frozenset({"energy", "forces", "stress", "magmoms"})


def pipeline(model):
    return PipelineModelWrapper(groups=[PipelineGroup([model], use_autograd=True)])


def rebuilt(model):
    origin, tensors = CHGNetSerializer.write(model)
    again = CHGNetSerializer.rebuild(origin, tensors, default_registry())
    again.origin = origin
    return again


def check_same(one, other, batch):
    assert one.model_config == other.model_config
    out, expected = pipeline(one)(batch, WANTED), pipeline(other)(batch, WANTED)
    assert all(torch.equal(out[name], expected[name]) for name in WANTED)


@pytest.fixture
def batch(structures):
    return Batch.from_ase([structures[name] for name in ("perovskite", "magnetic oxide", "no angles")])


def tuned(model):
    with torch.no_grad():
        for one in model.parameters():
            one.mul_(1.01)
    return model


@pytest.mark.parametrize("name", ["0.3.0", "0.2.0", "r2scan"])
def test_shipped_weights(batch, name):
    model = create_model("chgnet", checkpoint=name.upper())
    again = rebuilt(model)
    check_same(again, model, batch)
    assert again.origin.options["checkpoint"] == name


CHANGES = {
    "tuned": tuned,
    "float64": lambda model: model.double(),
    "float64 and back": lambda model: tuned(model.double()).float(),
    "deepcopy": copy.deepcopy,
    "pickle": lambda model: pickle.loads(pickle.dumps(tuned(model))),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_models(batch, change):
    model = CHANGES[change](create_model("chgnet"))
    again = rebuilt(model)
    check_same(again, model, batch)
    assert {one.dtype for one in again.parameters()} == {one.dtype for one in model.parameters()}


def test_elements_stay_when_reference_energies_are_set_to_zero(batch):
    """Of a fresh model they are read from these energies."""
    model = create_model("chgnet")
    with torch.no_grad():
        model.network.composition_model.fc.weight.zero_()
    check_same(rebuilt(model), model, batch)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_file_that_is_gone(saved, batch, tmp_path, dtype):
    file = saved(author="somebody", mlp_dropout=0.1)
    pipe = pipeline(create_model("chgnet", checkpoint=file, trusted=True).to(dtype))
    pipe.save(tmp_path / "one.alchemi")
    expected = pipe(batch, WANTED)
    file.unlink()
    for number in range(2):
        again = load_pipeline(tmp_path / "one.alchemi")
        assert str(again.plan) == str(pipe.plan)
        out = again(batch, WANTED)
        assert all(torch.equal(out[name], expected[name]) for name in WANTED), number
        again.save(tmp_path / "one.alchemi")
    loaded = again.topology.models[0]
    options = CHGNetSerializer.write(loaded)[0].options
    assert options["source"] == "tuned.pth.tar"
    assert "checkpoint" not in options
    assert not {"trusted"} & {*options, *loaded.origin.options}
    assert str(tmp_path).encode() not in (tmp_path / "one.alchemi").read_bytes()


def test_no_reference_energies(saved, batch):
    content = torch.load(saved(composition_model=None), weights_only=True)
    content["model"]["state_dict"].pop("composition_model.fc.weight")
    torch.save(content, file := saved())
    model = create_model("chgnet", checkpoint=file)
    check_same(rebuilt(model), model, batch)


def test_another_architecture(saved, batch):
    """Everything that a checkpoint can set differs from the shipped ones."""
    from alchemi_chgnet.network import blank_network

    arguments = {
        "atom_fea_dim": 8,
        "bond_fea_dim": 9,
        "angle_fea_dim": 10,
        "num_radial": 5,
        "num_angular": 7,
        "n_conv": 2,
        "atom_conv_hidden_dim": [6, 5],
        "bond_conv_hidden_dim": 4,
        "angle_layer_hidden_dim": 3,
        "mlp_hidden_dims": (8, 4),
        "non_linearity": "tanh",
        "atom_graph_cutoff": 4.5,
        "bond_graph_cutoff": 3.25,
        "cutoff_coeff": 6,
        "learnable_rbf": False,
        "gMLP_norm": "batch",
        "readout_norm": None,
        "conv_norm": "layer",
        "final_mlp": "gated",
        "version": "mine",
    }
    content = {"model_args": arguments, "state_dict": blank_network(arguments).state_dict()}
    torch.save({"model": content}, file := saved())
    model = create_model("chgnet", checkpoint=file)
    check_same(rebuilt(model), model, batch)


@pytest.fixture(scope="module")
def written():
    origin, tensors = CHGNetSerializer.write(create_model("chgnet"))
    return dict(origin.options), tensors


HOSTILE_OPTIONS = {
    "no options": {},
    "no network": {"checkpoint": "0.3.0", "elements": [1]},
    "trust": {"trusted": True},
    "both names": {"source": "x.pth.tar"},
    "unknown checkpoint": {"checkpoint": "0.9"},
    "a path": {"checkpoint": "/etc/passwd"},
    "a checkpoint that is no text": {"checkpoint": ["0.3.0"]},
    "elements that are no list": {"elements": 3},
    "an element beyond the tables": {"elements": [95]},
    "element zero": {"elements": [0]},
    "an element that is true": {"elements": [True]},
    "a network that is no mapping": {"network": "CHGNet"},
    "a key that is no text": {3: 4},
}


@pytest.mark.parametrize("case", HOSTILE_OPTIONS)
def test_hostile_options(written, case):
    options, tensors = written
    changed = HOSTILE_OPTIONS[case]
    whole = changed if case.startswith("no ") else {**options, **changed}
    with pytest.raises(SerializationError) as caught:
        CHGNetSerializer.rebuild(ModelOrigin("chgnet", whole), tensors, default_registry())
    assert caught.value.who == "chgnet"
    assert caught.value.expected


@pytest.mark.parametrize("source", [None, 3, "../up", "/etc/passwd"])
def test_hostile_sources(written, source):
    options, tensors = written
    rest = {name: options[name] for name in ("elements", "network")}
    with pytest.raises(SerializationError, match="source"):
        CHGNetSerializer.rebuild(ModelOrigin("chgnet", {**rest, "source": source}), tensors, default_registry())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("atom_fea_dim", 10**12),
        ("atom_fea_dim", -1),
        ("atom_fea_dim", 64.0),
        ("atom_fea_dim", True),
        ("num_radial", 400_000),
        ("num_radial", 10**400),
        ("num_radial", torch.tensor(31)),
        ("num_angular", 30),
        ("n_conv", 5),
        ("n_conv", 10**6),
        ("mlp_hidden_dims", [64] * 65),
        ("mlp_hidden_dims", [300_000, 300_000, 300_000]),
        ("mlp_hidden_dims", []),
        ("mlp_hidden_dims", {"a": 1}),
        ("update_bond", 1),
        ("update_angle", False),
        ("mlp_dropout", 2),
        ("atom_graph_cutoff", float("nan")),
        ("atom_graph_cutoff", float("inf")),
        ("atom_graph_cutoff", "6"),
        ("bond_graph_cutoff", 0),
        ("cutoff_coeff", -3),
        ("non_linearity", "os.system"),
        ("non_linearity", np.zeros(2)),
        ("gMLP_norm", np.zeros(2)),
        ("readout_norm", "none"),
        ("composition_model", "MPF"),
        ("final_mlp", 0),
        ("version", ["0.3.0"]),
        ("version", "x" * 1000),
        ("mlp_first", False),
        ("graph_converter_algorithm", "fast"),
    ],
)
def test_hostile_architectures(written, name, value):
    options, tensors = written
    origin = ModelOrigin("chgnet", {**options, "network": {**options["network"], name: value}})
    with pytest.raises(SerializationError) as caught:
        CHGNetSerializer.rebuild(origin, tensors, default_registry())
    assert caught.value.who == "chgnet"


def test_an_entry_of_the_architecture_is_missing(written):
    options, tensors = written
    network = {name: value for name, value in options["network"].items() if name != "version"}
    with pytest.raises(SerializationError, match="its architecture is"):
        CHGNetSerializer.rebuild(ModelOrigin("chgnet", {**options, "network": network}), tensors, default_registry())


@pytest.mark.parametrize("name", ["network.site_wise.bias", "network.composition_model.fc.weight"])
def test_tensors_that_do_not_fit(written, name):
    options, tensors = written
    origin = ModelOrigin("chgnet", options)
    for wrong in ({name: torch.zeros(7)}, {"network.other": torch.zeros(1)}, {"other": torch.zeros(1)}):
        with pytest.raises(SerializationError, match="saved tensors do not"):
            CHGNetSerializer.rebuild(origin, {**tensors, **wrong}, default_registry())
    with pytest.raises(SerializationError, match="saved tensors do not"):
        CHGNetSerializer.rebuild(origin, {n: one for n, one in tensors.items() if n != name}, default_registry())


def test_no_file_is_opened(written, monkeypatch):
    options, tensors = written
    monkeypatch.setattr("builtins.open", lambda *_: pytest.fail("a file was opened"))
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("a checkpoint was read"))
    made = CHGNetSerializer.rebuild(ModelOrigin("chgnet", options), tensors, default_registry())
    assert isinstance(made, CHGNetModel)


def test_an_architecture_that_could_not_be_read_again():
    model = create_model("chgnet")
    model.network.model_args["atom_graph_cutoff"] = float("inf")
    with pytest.raises(SerializationError, match="atom_graph_cutoff=inf"):
        CHGNetSerializer.write(model)


def test_a_model_of_another_class():
    with pytest.raises(SerializationError, match="is Linear"):
        CHGNetSerializer.write(torch.nn.Linear(2, 2))
