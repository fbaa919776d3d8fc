"""Copies of a model and of a pipeline compute the same; so do threads."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from alchemi_core import Batch, create_model, load_pipeline

WANTED = frozenset({"energy", "forces", "stress"})


@pytest.fixture
def batch(structures):
    return Batch.from_ase([structures["perovskite"], structures["molecule"]])


def same(one, other):
    return all(torch.equal(one[name].nan_to_num(7.0), other[name].nan_to_num(7.0)) for name in WANTED)


@pytest.mark.parametrize("weights", [torch.float32, torch.float64])
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies(model, batch, pipeline, copied, weights):
    original = copy.deepcopy(model).to(weights)
    assert same(pipeline(copied(original))(batch, WANTED), pipeline(original)(batch, WANTED))


def test_state_dict(model, batch, pipeline):
    other = create_model("sevennet")
    with torch.no_grad():
        for one in other.parameters():
            one.mul_(1.01)
    assert not same(pipeline(other)(batch, WANTED), pipeline(model)(batch, WANTED))
    other.load_state_dict(model.state_dict())
    assert same(pipeline(other)(batch, WANTED), pipeline(model)(batch, WANTED))


def test_parameters_have_the_names_that_sevenn_saves(model, shipped):
    saved = torch.load(shipped("7net-0"), map_location="cpu", weights_only=False)["model_state_dict"]
    names = {name.removeprefix("network.layers."): one for name, one in model.named_parameters()}
    assert names.keys() <= saved.keys()
    assert all(one.numel() == saved[name].numel() for name, one in names.items())


def test_saved_pipeline(make, batch, pipeline, tmp_path):
    pipe = pipeline(make(checkpoint="sevennet-mf-0", modal="R2SCAN"))
    pipe.save(tmp_path / "pipe.alchemi")
    assert same(load_pipeline(tmp_path / "pipe.alchemi")(batch, WANTED), pipe(batch, WANTED))


def test_threads(model, structures, pipeline):
    pipe = pipeline(model)
    batches = [Batch.from_ase(structures[name]) for name in ("perovskite", "skewed diamond", "outside its cell")] * 4
    alone = [pipe(batch, WANTED) for batch in batches]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda batch: pipe(batch, WANTED), batches))
    assert all(same(one, other) for one, other in zip(together, alone, strict=True))


def test_model_is_left_as_it_is(model, batch, pipeline):
    before = {name: one.clone() for name, one in model.state_dict().items()}
    positions = batch.positions.clone()
    pipeline(model)(batch, WANTED)
    assert all(torch.equal(one, before[name]) for name, one in model.state_dict().items())
    assert all(one.grad is None for one in model.parameters())
    assert torch.equal(batch.positions, positions)
