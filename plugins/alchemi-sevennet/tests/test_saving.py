"""Pipeline files: the same model without its checkpoint, and options that nobody honest wrote."""

import copy
import pickle

import numpy as np
import pytest
import torch
from alchemi_sevennet.model import SevenNet
from alchemi_sevennet.saving import SevenNetSerializer
from alchemi_sevennet.upstream import build_E3_equivariant_model, complete_config

from alchemi_core import Batch, create_model, load_pipeline
from alchemi_core.errors import SerializationError
from alchemi_core.models import ModelOrigin
from alchemi_core.registry import default_registry

WANTED = frozenset({"energy", "node_energies", "forces", "stress"})


BASE = {
    "version": "0.13.0",
    "cutoff": 4.5,
    "channel": 4,
    "lmax": 1,
    "num_convolution_layer": 2,
    "weight_nn_hidden_neurons": [5],
    "_type_map": {38: 1, 22: 0, 8: 2, 14: 3},
    "_number_of_species": 4,
    "chemical_species": ["Ti", "Sr", "O", "Si"],
    "conv_denominator": 20.0,
    "shift": -3.0,
    "scale": 1.5,
    "train_shift_scale": False,
}
"""A network that is built in a tenth of a second."""


def train(config, file):
    """Write a checkpoint of a network of one's own, as first drawn."""
    torch.manual_seed(5)
    network = build_E3_equivariant_model(complete_config(copy.deepcopy(config)))
    torch.save({"config": config, "model_state_dict": network.state_dict()}, file)
    return file


def rebuilt(model):
    origin, tensors = SevenNetSerializer.write(model)
    again = SevenNetSerializer.rebuild(origin, tensors, default_registry())
    again.origin = origin
    return again


@pytest.fixture
def batch(structures):
    return Batch.from_ase(structures["skewed diamond"])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A small model whose checkpoint is gone."""
    file = train(BASE, tmp_path_factory.mktemp("weights") / "tuned.pth")
    model = create_model("sevennet", checkpoint=file, trusted=True)
    file.unlink()
    return model


@pytest.fixture
def small(made):
    return copy.deepcopy(made)


@pytest.fixture
def check_same(pipeline, batch):
    def check(one, other):
        assert one.model_config == other.model_config
        out, expected = pipeline(one)(batch, WANTED), pipeline(other)(batch, WANTED)
        assert all(torch.equal(out[name], expected[name]) for name in WANTED)

    return check


def tuned(model):
    with torch.no_grad():
        for one in model.parameters():
            one.mul_(1.01)
    return model


@pytest.mark.parametrize(
    ("name", "canonical", "modal"),
    [
        ("7net-0", "sevennet-0", None),
        ("7net-0_22May2024", "sevennet-0_22may2024", None),
        ("SevenNet-l3i5", "sevennet-l3i5", None),
        ("7net-MF-0", "sevennet-mf-0", "R2SCAN"),
    ],
)
def test_shipped_weights(make, check_same, name, canonical, modal):
    model = make(checkpoint=name, modal=modal and modal.lower())
    again = rebuilt(model)
    check_same(again, model)
    assert again.origin.options["checkpoint"] == canonical
    assert again.origin.options["modal"] == modal


CHANGES = {
    "deepcopy": lambda model: copy.deepcopy(tuned(model)),
    "float64": lambda model: model.double(),
    "float64 and back": lambda model: tuned(model.double()).float(),
    "pickle": lambda model: pickle.loads(pickle.dumps(tuned(model))),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_models(small, check_same, change):
    changed = CHANGES[change](small)
    again = rebuilt(changed)
    check_same(again, changed)
    assert {one.dtype for one in again.parameters()} == {one.dtype for one in changed.parameters()}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_file_that_is_gone(small, pipeline, batch, tmp_path, dtype):
    pipe = pipeline(tuned(small).to(dtype))
    expected = pipe(batch, WANTED)
    pipe.save(tmp_path / "one.alchemi")
    for number in range(2):
        again = load_pipeline(tmp_path / "one.alchemi")
        assert str(again.plan) == str(pipe.plan)
        out = again(batch, WANTED)
        assert all(torch.equal(out[name], expected[name]) for name in WANTED), number
        again.save(tmp_path / "one.alchemi")
    loaded = again.topology.models[0]
    options = SevenNetSerializer.write(loaded)[0].options
    assert options["source"] == "tuned.pth"
    assert "checkpoint" not in options
    assert not {"trusted"} & {*options, *loaded.origin.options}
    assert str(tmp_path.parent).encode() not in (tmp_path / "one.alchemi").read_bytes()


OTHERS = {
    "irreps from channels, odd ones too": {"is_parity": True, "lmax": 2, "lmax_node": 1, "use_bias_in_linear": True},
    "shifts by element": {
        "shift": np.linspace(-2, -1, 4),
        "scale": np.array([1.5]),
        "self_connection_type": ["linear", "nequip"],
        "train_shift_scale": True,
    },
    "basis and readout": {
        "radial_basis": {"radial_basis_name": "bessel", "bessel_basis_num": 5, "trainable_coeff": False},
        "cutoff_function": {"cutoff_function_name": "XPLOR", "cutoff_on": 4.0},
        "_normalize_sph": False,
        "is_parity": False,
        "lmax_edge": 2,
        "act_radial": "elu",
        "readout_as_fcn": True,
        "readout_fcn_hidden_neurons": [6, 3],
        "readout_fcn_activation": "tanh",
    },
    "levels": {
        "use_modality": True,
        "_modal_map": {"b": 1, "a": 0, "c": 2},
        "_number_of_modalities": 3,
        "use_modal_wise_shift": True,
        "use_modal_wise_scale": True,
        "use_modal_node_embedding": True,
        "use_modal_self_inter_intro": True,
        "use_modal_output_block": True,
    },
}


@pytest.mark.parametrize("case", OTHERS)
def test_other_architectures(tmp_path, check_same, case):
    file = train({**BASE, **OTHERS[case]}, tmp_path / "own.pth")
    model = create_model("sevennet", checkpoint=file, modal="a" if case == "levels" else None)
    again = rebuilt(model)
    check_same(again, model)
    flags = {name: one.requires_grad for name, one in model.named_parameters()}
    assert flags == {name: one.requires_grad for name, one in again.named_parameters()}


@pytest.fixture(scope="module")
def written(made):
    """What a small network gives, named like a shipped one."""
    origin, tensors = SevenNetSerializer.write(made)
    options = {name: value for name, value in origin.options.items() if name != "source"}
    return {**options, "checkpoint": "sevennet-0"}, tensors


HOSTILE_OPTIONS = {
    "no options": {},
    "no network": {"checkpoint": "sevennet-0", "modal": None},
    "trust": {"trusted": True},
    "both names": {"source": "x.pth"},
    "unknown checkpoint": {"checkpoint": "sevennet-9"},
    "not the canonical name": {"checkpoint": "7net-0"},
    "a path": {"checkpoint": "/etc/passwd"},
    "a checkpoint that is no text": {"checkpoint": ["sevennet-0"]},
    "a level of a model of one": {"modal": "PBE"},
    "a level that is no text": {"modal": ["PBE"]},
    "a network that is no mapping": {"network": "SevenNet"},
    "a key that is no text": {3: 4},
}


def refused(options, tensors):
    with pytest.raises(SerializationError) as caught:
        SevenNetSerializer.rebuild(ModelOrigin("sevennet", options), tensors, default_registry())
    assert caught.value.who == "sevennet"
    assert caught.value.expected
    return caught.value.found


@pytest.mark.parametrize("case", HOSTILE_OPTIONS)
def test_hostile_options(written, case):
    options, tensors = written
    changed = HOSTILE_OPTIONS[case]
    refused(changed if case.startswith("no ") else {**options, **changed}, tensors)


@pytest.mark.parametrize("source", [None, 3, "../up", "/etc/passwd"])
def test_hostile_sources(written, source):
    options, tensors = written
    rest = {name: options[name] for name in ("modal", "network")}
    assert "source" in refused({**rest, "source": source}, tensors)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cutoff", float("nan")),
        ("cutoff", 0.0),
        ("cutoff", 10**400),
        ("cutoff", True),
        ("cutoff", torch.tensor(5.0)),
        ("_type_map", {}),
        ("_type_map", {1: 1}),
        ("_type_map", {1: 0, 2: 0}),
        ("_type_map", {-1: 0}),
        ("_type_map", {500: 0}),
        ("_type_map", {"H": 0}),
        ("_type_map", {1: 0.0}),
        ("_type_map", {1: []}),
        ("_type_map", [1, 2]),
        ("_modal_map", {1: 0}),
        ("_modal_map", {"x" * 1000: 0}),
        ("_modal_map", None),
        ("irreps_manual", ["4x0e"]),
        ("irreps_manual", ["4x0e"] * 100),
        ("irreps_manual", ["4x0e", "__import__('os')", "4x0e"]),
        ("irreps_manual", [["4x0e"]] * 3),
        ("irreps_manual", ["9999999x0e"] * 3),
        ("irreps_manual", ["4x0e", "4x0e", "9999999x6o"]),
        ("irreps_manual", ["4x0e", "4x0e", "1x0e+9999999x6o"]),
        ("irreps_manual", ["4x0e", "4x0e+4x9e", "4x0e"]),
        ("irreps_manual", "4x0e"),
        ("irreps_manual", ["4x0e", "4x0e", "4x0e"]),
        ("lmax", 11),
        ("lmax", 0),
        ("radial_basis", {"radial_basis_name": "bessel", "bessel_basis_num": 10**9}),
        ("radial_basis", {"radial_basis_name": "bessel", "bessel_basis_num": 9}),
        ("radial_basis", {"radial_basis_name": "bessel", "cutoff_length": 4.0}),
        ("radial_basis", {"radial_basis_name": "gauss"}),
        ("radial_basis", {}),
        ("cutoff_function", {"cutoff_function_name": "XPLOR"}),
        ("cutoff_function", {"cutoff_function_name": "XPLOR", "cutoff_on": 4.75}),
        ("cutoff_function", {"cutoff_function_name": "XPLOR", "cutoff_on": np.zeros(2)}),
        ("cutoff_function", {"cutoff_function_name": "poly_cut", "cutoff_on": 4.5}),
        ("cutoff_function", "XPLOR"),
        ("weight_nn_hidden_neurons", [5, 5]),
        ("weight_nn_hidden_neurons", [10**6, 10**6]),
        ("weight_nn_hidden_neurons", [True]),
        ("weight_nn_hidden_neurons", []),
        ("readout_fcn_hidden_neurons", 30),
        ("readout_fcn_activation", "system"),
        ("readout_as_fcn", True),
        ("act_radial", "tanhh"),
        ("act_radial", None),
        ("act_scalar", {"e": "tanh", "o": "tanh"}),
        ("act_gate", {"e": "silu"}),
        ("self_connection_type", "linear"),
        ("self_connection_type", ["nequip"] * 3),
        ("self_connection_type", ["linear"] * 2),
        ("self_connection_type", ["none"] * 2),
        ("is_parity", 1),
        ("use_bias_in_linear", True),
        ("species_wise", True),
        ("use_modal_wise_shift", None),
        ("use_flash_tp", True),
    ],
)
def test_hostile_architectures(written, name, value):
    options, tensors = written
    refused({**options, "network": {**options["network"], name: value}}, tensors)


def test_levels_that_the_weights_do_not_have(written):
    options, tensors = written
    levels = {**options["network"], "_modal_map": {"PBE": 0}, "use_modal_output_block": True}
    refused({**options, "network": levels, "modal": "PBE"}, tensors)


def test_an_entry_of_the_architecture_is_missing(written):
    options, tensors = written
    network = {name: value for name, value in options["network"].items() if name != "lmax"}
    assert "its architecture is" in refused({**options, "network": network}, tensors)


def test_tensors_that_do_not_fit(written):
    options, tensors = written
    name = "network.layers.rescale_atomic_energy.shift"
    assert name in tensors
    for wrong in ({name: torch.zeros(7)}, {"other": torch.zeros(1)}):
        assert "saved tensors do not match" in refused(options, {**tensors, **wrong})
    name = "network.layers.1_self_interaction_2.linear.weight"
    assert name in refused(options, {other: one for other, one in tensors.items() if other != name})


def test_no_file_is_opened_and_little_is_built(written, monkeypatch):
    options, tensors = written
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("a checkpoint was read"))
    monkeypatch.setattr("sevenn.checkpoint.torch_load", lambda *_, **__: pytest.fail("a checkpoint was read"))
    made = SevenNetSerializer.rebuild(ModelOrigin("sevennet", options), tensors, default_registry())
    assert isinstance(made, SevenNet)
    monkeypatch.setattr("alchemi_sevennet.saving.build_E3_equivariant_model", lambda _: pytest.fail("it was built"))
    large = {**options["network"], "irreps_manual": ["5x0e", *options["network"]["irreps_manual"][1:]]}
    assert "asks for" in refused({**options, "network": large}, tensors)


def test_an_architecture_that_could_not_be_read_again(small):
    small.architecture = {**small.architecture, "cutoff": float("inf")}
    with pytest.raises(SerializationError, match="cutoff=inf"):
        SevenNetSerializer.write(small)


def test_a_model_of_another_class():
    with pytest.raises(SerializationError, match="is Linear"):
        SevenNetSerializer.write(torch.nn.Linear(2, 2))
