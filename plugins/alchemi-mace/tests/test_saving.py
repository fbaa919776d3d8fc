"""A pipeline file holds the model itself: no pickle, no path, and nothing that runs."""

import copy
import pickle
import shutil

import e3nn
import pytest
import torch
from alchemi_mace.foundations import FOUNDATIONS
from alchemi_mace.model import MACE
from alchemi_mace.saving import MACESerializer

from alchemi_core import Batch, create_model, load_pipeline
from alchemi_core.errors import SerializationError
from alchemi_core.models import ModelOrigin

WANTED = frozenset({"energy", "forces", "stress"})
SERVED = ["scaled", "plain", "zbl", "non-linear", "heads", "default head", "states", "attention", "dipoles"]
HEAD = {"heads": "r2scan"}


@pytest.fixture
def batch(structures):
    return Batch.from_ase([structures["rock salt"], structures["molecule"], structures["slab"]])


@pytest.fixture(scope="module")
def once(make):
    return MACESerializer.write(make())


@pytest.fixture
def written(once):
    """What is written of a small model; of its own for each test."""
    origin, tensors = once
    return copy.deepcopy(dict(origin.options)), dict(tensors)


def same(one, other):
    return all(torch.equal(one[name].nan_to_num(7.0), other[name].nan_to_num(7.0)) for name in WANTED)


def again(model):
    origin, tensors = MACESerializer.write(model)
    rebuilt = MACESerializer.rebuild(origin, {name: one.clone() for name, one in tensors.items()}, None)
    rebuilt.origin = origin
    return rebuilt


def rebuild(options, tensors):
    return MACESerializer.rebuild(ModelOrigin("mace", options), tensors, None)


@pytest.mark.parametrize("kind", SERVED)
def test_round_trip(kind, make, batch, pipeline):
    model = make(kind, head=HEAD.get(kind))
    rebuilt = again(model)
    assert type(rebuilt) is MACE
    assert rebuilt.model_config == model.model_config
    assert rebuilt.state_dict().keys() == model.state_dict().keys()
    assert same(pipeline(rebuilt)(batch, WANTED), pipeline(model)(batch, WANTED))


def changed(model):
    with torch.no_grad():
        for one in model.parameters():
            one.mul_(1.01)
    return model


@pytest.mark.parametrize(
    "change",
    [
        lambda model: model.float(),
        lambda model: changed(model.float()).double(),
        lambda model: pickle.loads(pickle.dumps(model)),
    ],
    ids=["float", "float and double, fine-tuned", "pickle"],
)
def test_file_of_a_model_whose_checkpoint_is_gone(saved, tmp_path, batch, pipeline, change):
    shutil.copy(saved("zbl"), tmp_path / "my.model")
    model = change(create_model("mace", checkpoint=str(tmp_path / "my.model")))
    (tmp_path / "my.model").unlink()
    pipe = pipeline(model)
    pipe.save(tmp_path / "one.alchemi")
    loaded = load_pipeline(tmp_path / "one.alchemi")
    copy.deepcopy(loaded).save(tmp_path / "two.alchemi")
    twice = load_pipeline(tmp_path / "two.alchemi")
    expected = pipe(batch, WANTED)
    for one in (loaded, twice):
        assert str(one.plan) == str(pipe.plan)
        assert same(one(batch, WANTED), expected)
        (found,) = one.topology.models
        assert found.model_config == model.model_config
        assert found.origin.options["checkpoint"] == "my.model"
    assert str(tmp_path).encode() not in (tmp_path / "one.alchemi").read_bytes()


def test_options_stay_readable(make, saved):
    options = MACESerializer.write(make("heads", head="pbe", dtype="float32"))[0].options
    assert (options["head"], options["dtype"], options["source"]) == ("pbe", "float32", saved("heads").name)
    assert options["architecture"]["interaction_cls"] == "RealAgnosticResidualInteractionBlock"
    assert options["architecture"]["gate"] == "silu"
    assert "trusted" not in options
    assert "checkpoint" not in options


def test_foundation_model_keeps_its_name_and_facts(saved, cache, no_network):
    cache.mkdir(parents=True)
    path = FOUNDATIONS["medium-0b3"].path
    shutil.copy(saved("zbl"), path)
    model = create_model("mace", checkpoint="Medium_0b3")
    path.unlink()
    rebuilt = again(again(model))
    assert rebuilt.origin.options["checkpoint"] == "medium-0b3"
    assert rebuilt.model_config == model.model_config
    assert rebuilt.model_config.level_of_theory == "PBE / PBE+U"
    assert no_network == []


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_trust_is_not_inherited(saved, batch, pipeline):
    model = create_model("mace", checkpoint=saved(), trusted=True)
    rebuilt = again(model)
    assert "trusted" not in rebuilt.origin.options
    assert same(pipeline(rebuilt)(batch, WANTED), pipeline(model)(batch, WANTED))


def older(network):
    """Take away what networks did not have in their first years, and add a buffer that nothing reads any more."""
    for layer in network.modules():
        for name in ("heads", "apply_cutoff", "use_agnostic_product", "num_heads", "cueq_config", "edge_irreps"):
            vars(layer).pop(name, None)
        for name in [name for name in layer._buffers if name.endswith("_zeroed")]:
            delattr(layer, name)
    network.radial_embedding.register_buffer("scale", torch.tensor(2.0))


def reduced(network):
    """Leave out couplings, as if they had been worked out in another way."""
    from alchemi_mace.generated import renew_all

    for contraction in network.products[0].symmetric_contractions.contractions:
        contraction.U_matrix_2 = contraction.U_matrix_2[..., :1].clone()
        contraction.weights_max = torch.nn.Parameter(contraction.weights_max[:, :1].clone())
    renew_all(network)


@pytest.mark.parametrize("alter", [older, reduced])
def test_networks_of_other_versions(alter, make, batch, pipeline):
    model = copy.deepcopy(make())
    alter(model.network)
    rebuilt = again(model)
    assert rebuilt.state_dict().keys() == model.state_dict().keys()
    assert same(pipeline(rebuilt)(batch, WANTED), pipeline(model)(batch, WANTED))


def test_nothing_is_left_changed(written):
    generator, defaults = torch.get_rng_state(), e3nn.get_optimization_defaults()
    rebuild(*written)
    assert torch.equal(torch.get_rng_state(), generator)
    assert e3nn.get_optimization_defaults() == defaults
    assert torch.get_default_dtype() == torch.float32


def _class(network):
    network.__class__ = type("Mine", (type(network),), {})


def _layer(network):
    network.node_embedding.linear.__class__ = type("Adapted", (type(network.node_embedding.linear),), {})


ALTERED = {
    "the network is Mine": _class,
    "class Adapted of layer 'node_embedding.linear'": _layer,
    "no room for the tensor 'extra.bias'": lambda network: network.add_module("extra", torch.nn.Linear(1, 1)),
    "layer 'extra' is beside": lambda network: network.add_module("extra", torch.nn.SiLU()),
    r"hooks \(_forward_hooks\) of layer 'radial_embedding'": lambda network: (
        network.radial_embedding.register_forward_hook(lambda *_: None)
    ),
    "forward=.* of layer 'products.0'": lambda network: setattr(network.products[0], "forward", lambda **_: None),
    "normalize=False": lambda network: setattr(network.spherical_harmonics, "normalize", False),
    "the activation function is <lambda>": lambda network: setattr(
        network.readouts[-1].non_linearity.acts[0], "f", lambda x: x
    ),
    "avg_num_neighbors of interactions.0 is nan": lambda network: setattr(
        network.interactions[0], "avg_num_neighbors", float("nan")
    ),
}


@pytest.mark.parametrize("said", ALTERED)
def test_what_no_argument_can_say_is_refused_when_it_is_written(said, make):
    model = copy.deepcopy(make())
    ALTERED[said](model.network)
    with pytest.raises(SerializationError, match=said) as caught:
        MACESerializer.write(model)
    assert caught.value.expected


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_numbers_of_each_layer(saved, tmp_path):
    """The constructor gives them to all layers at once."""
    content = torch.load(saved(), weights_only=False)
    content.interactions[0].avg_num_neighbors = 3.0
    torch.save(content, tmp_path / "x.model")
    rebuilt = again(create_model("mace", checkpoint=tmp_path / "x.model"))
    assert [one.avg_num_neighbors for one in rebuilt.network.interactions] == [3.0, 9.0]


HOSTILE = {
    "network": ["os.system", "LinearReadoutBlock", None, 3, ["MACE"]],
    "interaction_cls": ["torch.load", "Path", {}],
    "gate": ["eval", "exec", 0],
    "max_ell": [3, 11, -1, 2.0, True, 10**9],
    "hidden_irreps": ["999999x0e", "4x0e+4x1o+4x2e", "4x0e; import os", "", "9" * 5000, None],
    "MLP_irreps": ["999999x0e", "5x0e", "4x1o"],
    "correlation": [[2], [2, 2, 2], [8, 8], [2, 1], [], "22", [2.0, 2.0]],
    "num_bessel": [10**6, 5, 0, -4, "4"],
    "radial_MLP": [[8, 9], [65536] * 32, [0], ["8"], 8],
    "radial_type": ["gaussian", "chebyshev", "other"],
    "distance_transform": ["Agnesi", "None ", 0],
    "heads": [["a", "b"], [], [1], "Default", ["x"] * 1000],
    "edge_irreps": ["999999x0e", "1x12e"],
    "embedding_specs": [
        {"total_charge": {"type": "categorical", "per": "graph", "num_classes": 10**6, "emb_dim": 10**6}},
        {"total_charge": {"type": "categorical"}},
        {"x y": {}},
        [],
    ],
    "pair_repulsion": [True, 1, None],
    "use_embedding_readout": ["no"],
    "readout_cls": ["NonLinearBiasReadoutBlock", "LinearReadoutBlock"],
    "interaction_cls_first": ["RealAgnosticResidualNonLinearInteractionBlock"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in HOSTILE.items() for value in values])
def test_hostile_architecture(written, name, value):
    options, tensors = written
    options["architecture"][name] = value
    with pytest.raises(SerializationError):
        rebuild(options, tensors)


FIRST = "network.node_embedding.linear.weight"
COUPLING = "network.products.0.symmetric_contractions.contractions.0.U_matrix_1"
FORGED = {
    "architecture is missing": lambda options, _: options.pop("architecture"),
    "architecture is a list": lambda options, _: options.update(architecture=[]),
    "architecture lacks a value": lambda options, _: options["architecture"].pop("gate"),
    "architecture says more": lambda options, _: options["architecture"].update(cueq_config={}),
    "trusted": lambda options, _: options.update(trusted=True),
    "path": lambda options, _: options.update(checkpoint="/etc/passwd"),
    "head": lambda options, _: options.update(head="other"),
    "head is a number": lambda options, _: options.update(head=1),
    "dtype": lambda options, _: options.update(dtype="object"),
    "source": lambda options, _: options.update(source=["x"]),
    "constants are missing": lambda options, _: options.update(constants={}),
    "constants are a list": lambda options, _: options.update(constants=[1.0]),
    "constant of elsewhere": lambda options, _: options["constants"].update({"radial_embedding:forward": 1.0}),
    "constant is text": lambda options, _: options["constants"].update(dict.fromkeys(options["constants"], "1")),
    "constant is no number": lambda options, _: options["constants"].update(
        dict.fromkeys(options["constants"], float("nan"))
    ),
    "no tensors": lambda _, tensors: tensors.clear(),
    "a tensor is missing": lambda _, tensors: tensors.pop(FIRST),
    "a tensor is of another shape": lambda _, tensors: tensors.update({FIRST: torch.ones(7)}),
    "weights are whole numbers": lambda _, tensors: tensors.update({FIRST: tensors[FIRST].to(torch.int64)}),
    "couplings are whole numbers": lambda _, tensors: tensors.update({COUPLING: tensors[COUPLING].to(torch.int64)}),
    "a tensor more": lambda _, tensors: tensors.update({"network.forward": torch.ones(2)}),
    "a tensor elsewhere": lambda _, tensors: tensors.update({"network.a.b": torch.ones(2)}),
    "a tensor that is asked for": lambda _, tensors: tensors.update({"network.pair_repulsion": torch.ones(2)}),
    "a tensor beside the network": lambda _, tensors: tensors.update(other=torch.ones(2)),
    "no cutoff": lambda _, tensors: tensors.update({"network.r_max": torch.tensor(0.0)}),
    "cutoff is no number": lambda _, tensors: tensors.update({"network.r_max": torch.tensor(float("nan"))}),
    "cutoff is many": lambda _, tensors: tensors.update({"network.r_max": torch.ones(3)}),
    "elements are fractions": lambda _, tensors: tensors.update({"network.atomic_numbers": torch.rand(7)}),
    "elements are none": lambda _, tensors: tensors.update({"network.atomic_numbers": torch.arange(7) - 3}),
    "elements twice": lambda _, tensors: tensors.update({"network.atomic_numbers": torch.ones(7, dtype=torch.int64)}),
}


@pytest.mark.parametrize("forgery", FORGED)
def test_hostile_options_and_tensors(written, forgery):
    options, tensors = written
    FORGED[forgery](options, tensors)
    with pytest.raises(SerializationError):
        rebuild(options, tensors)
