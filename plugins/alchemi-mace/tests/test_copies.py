"""Copies of a model and of a pipeline compute the same; so do threads."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from alchemi_core import Batch, create_model, load_pipeline

WANTED = frozenset({"energy", "forces", "stress"})
KINDS = ["scaled", "non-linear"]


@pytest.fixture
def batch(structures):
    return Batch.from_ase([structures["rock salt"], structures["molecule"]])


def same(one, other):
    return all(torch.equal(one[name].nan_to_num(7.0), other[name].nan_to_num(7.0)) for name in WANTED)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weights", [torch.float32, torch.float64])
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies(make, batch, pipeline, copied, weights, kind):
    original = copy.deepcopy(make(kind)).to(weights)
    assert same(pipeline(copied(original))(batch, WANTED), pipeline(original)(batch, WANTED))


def test_state_dict(make, saved, batch, pipeline):
    other = create_model("mace", checkpoint=saved())
    with torch.no_grad():
        for one in other.parameters():
            one.mul_(1.01)
    assert not same(pipeline(other)(batch, WANTED), pipeline(make())(batch, WANTED))
    other.load_state_dict(make().state_dict())
    assert same(pipeline(other)(batch, WANTED), pipeline(make())(batch, WANTED))


@pytest.mark.parametrize("options", [{"head": "r2scan"}, {"head": "pbe", "dtype": "float32"}])
def test_saved_pipeline(make, batch, pipeline, tmp_path, options):
    pipe = pipeline(make("heads", **options))
    pipe.save(tmp_path / "pipe.alchemi")
    assert same(load_pipeline(tmp_path / "pipe.alchemi")(batch, WANTED), pipe(batch, WANTED))


def test_saved_pipeline_keeps_weights_that_were_changed(saved, batch, pipeline, tmp_path):
    model = create_model("mace", checkpoint=str(saved("zbl"))).float()
    with torch.no_grad():
        for one in model.parameters():
            one.mul_(1.01)
    pipeline(model).save(tmp_path / "pipe.alchemi")
    assert same(load_pipeline(tmp_path / "pipe.alchemi")(batch, WANTED), pipeline(model)(batch, WANTED))


def test_threads(model, structures, pipeline):
    pipe = pipeline(model)
    batches = [Batch.from_ase(structures[name]) for name in ("rock salt", "skewed diamond", "outside its cell")] * 4
    alone = [pipe(batch, WANTED) for batch in batches]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda batch: pipe(batch, WANTED), batches))
    assert all(same(one, other) for one, other in zip(together, alone, strict=True))
