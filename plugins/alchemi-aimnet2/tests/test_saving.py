"""Models in pipeline files: rebuilt without their checkpoints, exactly; strange files are refused."""

import copy
import json
import pickle
import shutil

import pytest
import torch
import yaml
from alchemi_aimnet2.saving import AIMNet2Serializer
from alchemi_aimnet2.testing import save_random_checkpoint
from alchemi_aimnet2.upstream import build_module

from alchemi_core import Batch, create_model, load_pipeline
from alchemi_core.errors import SerializationError
from alchemi_core.models import ModelOrigin

WANTED = frozenset({"energy", "forces", "charges"})
NOTHING = object()

HEADS = {
    "energy_mlp": {
        "class": "aimnet.modules.Output",
        "kwargs": {
            "n_in": 16,
            "n_out": 1,
            "key_in": "aim",
            "key_out": "energy",
            "mlp": {"hidden": [8], "activation_kwargs": {"approximate": "tanh"}, "bias": False},
        },
    },
    "atomic_shift": {"class": "aimnet.modules.AtomicShift", "kwargs": {"key_in": "energy", "key_out": "energy"}},
    "atomic_sum": {"class": "aimnet.modules.AtomicSum", "kwargs": {"key_in": "energy", "key_out": "energy"}},
    "disp_mlp": {
        "class": "aimnet.modules.Output",
        "kwargs": {"n_in": 16, "n_out": 2, "key_in": "aim", "key_out": "disp_param", "mlp": {}},
    },
    "disp_param": {"class": "aimnet.modules.lr.DispParam", "kwargs": {"ref_c6": {1: 6.5, 8: 15.6}}},
    "d3ts": {"class": "aimnet.modules.D3TS", "kwargs": {"a1": 0.4, "a2": 4.0, "s8": 0.8}},
    "dipole": {"class": "aimnet.modules.Dipole", "kwargs": {"key_in": "charges", "key_out": "dipole"}},
    "quadrupole": {"class": "aimnet.modules.Quadrupole"},
}
"""Every kind of head but the Coulomb one, which random checkpoints have."""


@pytest.fixture
def many_heads(tmp_path):
    """A checkpoint with learned dispersion, whose reference data are longer than aimnet's own."""
    path = save_random_checkpoint(tmp_path / "heads.pt", coulomb=False, dispersion=False, seed=9)
    content = torch.load(path, weights_only=True)
    description = json.loads(content["model_yaml"])
    description["kwargs"] |= {"outputs": HEADS, "hidden": [[12], [12, 12]]}
    description["kwargs"]["aev"] |= {"nshifts_v": 8, "rc_v": 4.0, "shifts_s": [0.8 + 0.5 * i for i in range(8)]}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        network = build_module(copy.deepcopy(description))
    weights = {**network.state_dict(), "outputs.disp_param.disp_param0": torch.linspace(0, 9, 190).reshape(95, 2)}
    flags = {"has_embedded_d3ts": True, "has_embedded_lr": True}
    torch.save(
        {**content, **flags, "model_yaml": yaml.safe_dump(description, sort_keys=False), "state_dict": weights}, path
    )
    return path


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in WANTED)


def only(pipe):
    (step,) = pipe.topology.groups[0].steps
    return step.model


def check_round_trip(pipe, batch, path):
    """Twice, so that what was loaded is saved as well."""
    expected, config = pipe(batch, WANTED), only(pipe).model_config
    state = only(pipe).state_dict()
    for _ in range(2):
        pipe.save(path)
        loaded = load_pipeline(path)
        assert str(loaded.plan) == str(pipe.plan)
        assert only(loaded).model_config == config
        assert same(loaded(batch, WANTED), expected)
        for name, one in only(loaded).state_dict().items():
            assert one.dtype == state[name].dtype
            assert torch.equal(one.nan_to_num(7.0), state[name].nan_to_num(7.0))
            assert torch.equal(one.isnan(), state[name].isnan())
        pipe = loaded


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ({}, {}),
        ({"family": "rxn", "dispersion": False}, {"dtype": "float64"}),
        ({"family": "b973c-2025-d3"}, {"coulomb": "dsf", "dsf_cutoff": 12, "dsf_alpha": 0.25}),
        ({"open_shell": True}, {"coulomb": False, "dispersion": False}),
        ({"needs_dispersion": False, "coulomb_mode": "none"}, {"coulomb": "simple"}),
        ({"implemented_species": [1, 8], "supports_charged_systems": False}, {}),
    ],
)
def test_round_trip(tmp_path, molecules, pipeline, given, options):
    """The checkpoint is gone when the file is loaded."""
    if "coulomb_mode" in given:
        given = {**given, "coulomb": False, "needs_coulomb": True}
    path = save_random_checkpoint(tmp_path / "x.pt", **given)
    model = create_model("aimnet2", checkpoint=path, **options)
    path.unlink()
    check_round_trip(pipeline(model), Batch.from_ase(molecules["water"]), tmp_path / "pipe.alchemi")


def test_all_heads(tmp_path, many_heads, molecules, pipeline):
    model = create_model("aimnet2", checkpoint=many_heads)
    many_heads.unlink()
    check_round_trip(pipeline(model), Batch.from_ase(molecules["ethanol"]), tmp_path / "pipe.alchemi")


@pytest.mark.parametrize(
    "change",
    [
        lambda model: model.double(),
        lambda model: model.double().float(),
        copy.deepcopy,
        lambda model: pickle.loads(pickle.dumps(model)),
    ],
)
def test_changed_models(tmp_path, checkpoints, molecules, pipeline, change):
    """Fine-tuned, and then moved or copied."""
    model = create_model("aimnet2", checkpoint=checkpoints["full"])
    with torch.no_grad():
        for one in model.parameters():
            one.mul_(1.01 if one.requires_grad else 1.0)
    check_round_trip(pipeline(change(model)), Batch.from_ase(molecules["water"]), tmp_path / "pipe.alchemi")


def test_published_weights_keep_their_name(tmp_path, checkpoints, monkeypatch, pipeline, molecules):
    import hashlib

    import attrs
    from alchemi_aimnet2.checkpoints import read_registry

    registry, cache = read_registry(), tmp_path / "cache"
    entry = attrs.evolve(
        registry.named("aimnet2-pd"), sha256=hashlib.sha256(checkpoints["full"].read_bytes()).hexdigest()
    )
    changed = attrs.evolve(registry, models={**registry.models, entry.name: entry})
    cache.mkdir()
    shutil.copy(checkpoints["full"], cache / entry.file)
    with monkeypatch.context() as patch:
        patch.setenv("AIMNET_CACHE_DIR", str(cache))
        patch.setattr("alchemi_aimnet2.loading.read_registry", lambda: changed)
        pipe = pipeline(create_model("aimnet2", checkpoint="aimnet2-pd"))
    shutil.rmtree(cache)
    assert "solvation" in only(pipe).model_config.contains
    check_round_trip(pipe, Batch.from_ase(molecules["water"]), tmp_path / "pipe.alchemi")
    loaded = only(load_pipeline(tmp_path / "pipe.alchemi"))
    assert AIMNet2Serializer.write(loaded)[0].options["checkpoint"] == "aimnet2-pd_0"
    assert dict(loaded.origin.options) == {"checkpoint": "aimnet2-pd"}


def test_what_is_written(checkpoints):
    model = create_model("aimnet2", checkpoint=checkpoints["full"], coulomb=False, trusted=True, dtype="float64")
    options = AIMNet2Serializer.write(model)[0].options
    assert set(options) == {"source", "coulomb", "dtype", "description", "about", "nan_rows"}
    assert (options["source"], options["coulomb"], options["dtype"]) == ("full.pt", False, "float64")
    assert str(checkpoints["full"].parent) not in str(options)


def test_classes_of_others_are_not_written(tmp_path, checkpoints, molecules, pipeline):
    content = torch.load(checkpoints["full"], weights_only=True)
    description = json.loads(content["model_yaml"])
    description["kwargs"]["outputs"]["nothing"] = {"class": "torch.nn.Identity", "kwargs": {}}
    torch.save({**content, "model_yaml": json.dumps(description)}, tmp_path / "strange.pt")
    pipe = pipeline(create_model("aimnet2", checkpoint=tmp_path / "strange.pt", trusted=True))
    batch = Batch.from_ase(molecules["water"])
    pipe.save(tmp_path / "pipe.alchemi")
    with pytest.raises(SerializationError, match="model 0") as caught:
        load_pipeline(tmp_path / "pipe.alchemi")
    assert "models=" in caught.value.fix
    given = create_model("aimnet2", checkpoint=tmp_path / "strange.pt", trusted=True)
    assert same(load_pipeline(tmp_path / "pipe.alchemi", models=[given])(batch, WANTED), pipe(batch, WANTED))


@pytest.fixture(scope="module")
def written(checkpoints):
    return AIMNet2Serializer.write(create_model("aimnet2", checkpoint=checkpoints["full"], coulomb="dsf"))


def changed(origin, place, value):
    """Return options with another value at a place such as ``about.cutoff``, or without it."""
    options = copy.deepcopy(dict(origin.options))
    *path, last = place.split(".")
    inner = options
    for name in path:
        inner = inner[name]
    if value is NOTHING:
        del inner[last]
    else:
        inner[last] = value
    return ModelOrigin("aimnet2", options)


NETWORK = "description.kwargs"
OUTPUT = f"{NETWORK}.outputs.energy_mlp"
IDENTITY = {"class": "torch.nn.Identity", "kwargs": {}}


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("trusted", True),
        ("checkpoint", 3),
        ("source", "x" * 1000),
        ("dtype", "float16"),
        ("coulomb", "ewald"),
        ("coulomb", 0),
        ("dispersion", 1),
        ("dsf_cutoff", float("nan")),
        ("dsf_cutoff", -1.0),
        ("nan_rows", [64]),
        ("nan_rows", "all"),
        ("nan_rows", NOTHING),
        ("about", NOTHING),
        ("about", []),
        ("about.more", 1),
        ("about.cutoff", float("inf")),
        ("about.cutoff", 10**400),
        ("about.cutoff", 0),
        ("about.cutoff", True),
        ("about.elements", [0]),
        ("about.open_shell", True),
        ("about.own_dispersion", True),
        ("about.coulomb", None),
        ("about.coulomb.subtracted", False),
        ("about.coulomb.envelope", "hat"),
        ("about.d3_parameters.s6", "1"),
        ("about.d3_parameters.cutoff", 1.0),
        ("about.family", None),
        ("description", "aimnet.models.AIMNet2"),
        ("description", NOTHING),
        ("description.class", "os.mkdir"),
        ("description.class", "aimnet.modules.AtomicSum"),
        ("description.class", ["aimnet.models.AIMNet2"]),
        ("description.args", [1]),
        (f"{NETWORK}.outputs", {}),
        (f"{NETWORK}.outputs", "x.yaml"),
        (f"{NETWORK}.outputs.more", IDENTITY),
        (
            f"{NETWORK}.outputs.forward",
            {"class": "aimnet.modules.AtomicSum", "kwargs": {"key_in": "a", "key_out": "b"}},
        ),
        (f"{NETWORK}.outputs.more", {"class": "aimnet.modules.lr.DispParam", "kwargs": {"ptfile": "x.pt"}}),
        (f"{NETWORK}.outputs.more", {"class": "aimnet.modules.DFTD3", "kwargs": {"s8": 0.4, "a1": 0.5, "a2": 3.0}}),
        (f"{OUTPUT}.class", "builtins.eval"),
        (f"{OUTPUT}.args", ["1"]),
        (f"{OUTPUT}.kwargs.mlp", IDENTITY),
        (f"{OUTPUT}.kwargs.mlp.activation_fn", "builtins.print"),
        (f"{OUTPUT}.kwargs.mlp.weight_init_fn", "torch.save"),
        (f"{OUTPUT}.kwargs.n_out", 1.0),
        (f"{NETWORK}.aev", IDENTITY),
        (f"{NETWORK}.aev.nshifts_s", NOTHING),
        (f"{NETWORK}.aev.rc_v", 9.0),
        (f"{NETWORK}.aev.shifts_s", [1.0]),
        (f"{NETWORK}.nfeature", 10**9),
        (f"{NETWORK}.hidden", []),
        (f"{NETWORK}.d2features", None),
    ],
)
def test_strange_options(written, place, value):
    origin, tensors = written
    with pytest.raises(SerializationError):
        AIMNet2Serializer.rebuild(changed(origin, place, value), tensors, None)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (f"{OUTPUT}.kwargs.mlp.hidden", [2**20]),
        (f"{OUTPUT}.kwargs.n_in", 2**20),
        (f"{NETWORK}.aev.nshifts_s", 512),
        (f"{NETWORK}.nfeature", 512),
        (f"{NETWORK}.ncomb_v", 128),
        (f"{NETWORK}.aim_size", 2**20),
        (f"{NETWORK}.hidden", [[2**20, 2**20]]),
        (f"{NETWORK}.hidden", [[24]] * 150),
        (f"{NETWORK}.num_charge_channels", 2),
    ],
)
def test_sizes_are_those_of_the_tensors(written, place, value, monkeypatch):
    """Held against each other before anything is built."""
    origin, tensors = written
    monkeypatch.setattr("alchemi_aimnet2.saving.build_network", None)
    with pytest.raises(SerializationError, match="as described"):
        AIMNet2Serializer.rebuild(changed(origin, place, value), tensors, None)


@pytest.mark.parametrize(
    "name", ["network.network.afv.weight", "network.network.conv_a.agh", "network.dispersion.c6ab"]
)
def test_strange_tensors(written, name):
    origin, tensors = written
    for wrong in ({**tensors, "more": torch.zeros(1)}, {**tensors, name: torch.zeros(2)}):
        with pytest.raises(SerializationError):
            AIMNet2Serializer.rebuild(origin, wrong, None)
    with pytest.raises(SerializationError):
        AIMNet2Serializer.rebuild(origin, {key: one for key, one in tensors.items() if key != name}, None)
