"""Tensors come back bit by bit: types, shapes, ties, what is frozen, what `to(dtype)` has rounded."""

import copy
import pickle

import pytest
import torch
from support.pipelines import pipeline
from support.toys import Gaussians

from alchemi_core import PipelineGroup, PipelineModelWrapper, load_pipeline
from alchemi_core.errors import SerializationError

from .networks import Holder, Network
from .plugins import OFFERED, made
from .sealed import Parts


def saved(path, *models):
    pipe = PipelineModelWrapper([PipelineGroup(models, use_autograd=True)], registry=OFFERED)
    pipe.save(path)
    return pipe


def again(path, **options):
    return load_pipeline(path, registry=OFFERED, **options)


def bits(tensor):
    return tensor.detach().contiguous().flatten().view(torch.uint8).tolist() if tensor.numel() else []


def every(name):
    """Bytes 1, 2, 3... read as numbers of a type; of truth, 0 and 1."""
    dtype = getattr(torch, name)
    if dtype is torch.bool:
        return torch.tensor([True, False])
    return torch.arange(1, 17, dtype=torch.uint8).view(dtype)


HELD = (
    "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 uint16 uint32 uint64 bool float8_e4m3fn float8_e5m2"
)


@pytest.mark.parametrize("name", [*HELD.split(), "complex64"])
@pytest.mark.parametrize("shape", ["row", "number", "none"])
def test_types(path, name, shape):
    row = every(name)
    value = {"row": row, "number": row[0].clone(), "none": row[:0].reshape(0, 3).clone()}[shape]
    model = made("holder", shape=tuple(value.shape), dtype=torch.float64)
    model.held = value
    saved(path, model)
    given = Holder(tuple(value.shape))
    given.held = torch.zeros_like(value)
    found = again(path, models=[given]).topology.models[0].held
    assert (found.dtype, found.shape, bits(found)) == (value.dtype, value.shape, bits(value))


@pytest.mark.parametrize("name", ["complex128", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu"])
def test_types_that_the_format_lacks(path, name):
    """Refused when it is written, not when it is needed."""
    model = Holder()
    model.held = every(name)
    with pytest.raises(SerializationError, match=f"is of type {name}"):
        saved(path, model)
    assert list(path.parent.iterdir()) == []


def test_views_and_expanded_tensors_are_whole(path):
    """Each with its own values, and none with those of what it is a view of."""
    whole = torch.arange(4096.0, dtype=torch.float64)
    model = Network(width=2)
    model.register_buffer("slice", whole[3:5])
    model.register_buffer("columns", whole[:6].view(2, 3).T)
    model.register_buffer("expanded", whole[7:8].expand(5))
    model.register_buffer("backwards", torch.complex(whole[:2], whole[2:4]).to(torch.complex64).conj())
    saved(path, model)
    assert path.stat().st_size < 8192
    given = copy.deepcopy(model)
    for name in ("slice", "columns", "expanded", "backwards"):
        setattr(given, name, torch.zeros_like(getattr(model, name)).contiguous())
    again(path, models=[given])
    for name in ("slice", "columns", "expanded", "backwards"):
        assert torch.equal(getattr(given, name), getattr(model, name))


def test_tied_weights_of_one_model(path):
    saved(path, made("network", tied=True))
    assert Parts.of(path).document["models"][0]["weights"]["second"] == "0.weights.first"
    model = again(path).topology.models[0]
    assert model.second is model.first


def test_weights_tied_in_python_are_tied_in_what_is_made_anew(path):
    model = made("network")
    model.second = model.first
    saved(path, model)
    found = again(path).topology.models[0]
    assert found.second is found.first


def test_tied_weights_of_two_models(path, crystal):
    one, two = made("network", seed=1), made("network", seed=2)
    two.first = one.first
    pipe = saved(path, one, two)
    loaded = again(path)
    first, second = loaded.topology.models
    assert second.first is first.first
    assert second.second is not first.second
    assert len(list(loaded.parameters())) == 3
    assert torch.equal(loaded(crystal)["energy"], pipe(crystal)["energy"])


def test_equal_weights_that_are_not_one_stay_apart(path):
    saved(path, made("network"), made("network"))
    first, second = again(path).topology.models
    assert torch.equal(first.first, second.first)
    assert first.first is not second.first


def test_one_model_in_two_places_stays_one(path):
    model = made("network")
    saved(path, model, 0.5 * model)
    outer, inner = again(path).topology.models
    assert inner.topology.models[0] is outer


def test_frozen_parameters(path):
    model = made("network")
    model.first.requires_grad_(False)
    saved(path, model)
    found = again(path).topology.models[0]
    assert (found.first.requires_grad, found.second.requires_grad) == (False, True)
    given = Network()
    given.second.requires_grad_(False)
    again(path, models=[given])
    assert (given.first.requires_grad, given.second.requires_grad) == (False, True)


CHAINS = {
    "float32": lambda pipe: pipe.to(torch.float32),
    "float32 and back": lambda pipe: pipe.to(torch.float32).to(torch.float64),
    "bfloat16 and back": lambda pipe: pipe.bfloat16().double(),
    "half": lambda pipe: pipe.half(),
    "copied": lambda pipe: copy.deepcopy(pipe.to(torch.float32)),
    "pickled": lambda pipe: pickle.loads(pickle.dumps(pipe.to(torch.float32))).double(),
}


@pytest.mark.parametrize("chain", CHAINS)
def test_what_was_rounded_stays_rounded(path, crystal, chain):
    """Made buffers as well, which no state dict carries."""
    pipe = CHAINS[chain](saved(path, made("network"), made("gaussians", strength=0.3)))
    pipe.save(path)
    loaded = again(path)
    before, after = (dict(one.topology.models[0].named_buffers()) for one in (pipe, loaded))
    assert before.keys() == after.keys() == {"centres", "shift"}
    for name, one in before.items():
        assert one.dtype == after[name].dtype
        assert torch.equal(one, after[name])
    assert torch.equal(loaded(crystal)["energy"], pipe(crystal)["energy"])
    assert torch.equal(loaded(crystal)["forces"], pipe(crystal)["forces"])


def test_trained_weights(path, crystal):
    pipe = saved(path, made("network"))
    pipe.train()(crystal, {"energy"})["energy"].sum().backward()
    with torch.no_grad():
        for parameter in pipe.parameters():
            parameter -= 0.1 * parameter.grad
    pipe.eval().save(path)
    loaded = again(path)
    assert not torch.equal(loaded.topology.models[0].first, made("network").first)
    assert torch.equal(loaded(crystal)["forces"], pipe(crystal)["forces"])
    loaded.train()(crystal, {"forces"})["forces"].square().sum().backward()
    assert all(one.grad is not None for one in loaded.parameters())


def test_what_is_loaded_has_memory_of_its_own(path):
    """The file may be replaced, or its tensors changed in place, without one hearing of the other."""
    saved(path, made("network"), made("anything", vector=torch.ones(2)))
    before = path.read_bytes()
    network, anything = again(path).topology.models
    with torch.no_grad():
        network.first.fill_(3.0)
        network.centres.fill_(3.0)
        anything.options["vector"].fill_(3.0)
    assert path.read_bytes() == before
    again(path).save(path)
    path.write_bytes(b"\0" * len(before))
    assert (network.first == 3.0).all()


def test_states_that_are_no_tensors(path):
    class Stateful(Gaussians):
        def get_extra_state(self):
            return {"a": 1}

        def set_extra_state(self, state):
            raise AssertionError(state)

    with pytest.raises(SerializationError, match="_extra_state"):
        pipeline(PipelineGroup([Stateful()])).save(path)


def test_large_tensors_are_digested_in_pieces(path):
    model = Holder((5_000_000,))
    model.held = torch.arange(5_000_000, dtype=torch.float64)
    saved(path, model)
    given = Holder((5_000_000,))
    assert torch.equal(again(path, models=[given]).topology.models[0].held, model.held)
    content = bytearray(path.read_bytes())
    content[-8_000_000] ^= 1
    path.write_bytes(content)
    with pytest.raises(SerializationError, match="checksums do not agree"):
        again(path, models=[given])
