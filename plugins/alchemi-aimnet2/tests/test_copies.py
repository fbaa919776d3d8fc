"""Copies of a model and of a pipeline compute the same; so do threads; nothing that is given is changed."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from alchemi_core import create_model, load_pipeline

WANTED = frozenset({"energy", "forces", "stress", "charges"})
OPTIONS = [{"coulomb": "dsf"}, {"coulomb": False, "dispersion": False}]


@pytest.fixture
def batch(crystals, molecules, batches):
    return batches([crystals["ice"], molecules["ethanol"]], total_charge=[1.0, 0.0])


def same(one, other):
    return all(torch.equal(one[name].nan_to_num(7.0), other[name].nan_to_num(7.0)) for name in WANTED)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies(make, batch, pipeline, copied, options, dtype):
    model = make(**options, dtype=dtype)
    assert same(pipeline(copied(model))(batch, WANTED), pipeline(model)(batch, WANTED))


def test_moved_to_float64(make, batch, pipeline):
    """Weights are float32 numbers, so that widening them later is the same as at once."""
    moved = copy.deepcopy(make(coulomb="dsf", dtype="float32")).to(torch.float64)
    one, other = (pipeline(model)(batch, WANTED) for model in (moved, make(coulomb="dsf")))
    for name in WANTED:
        torch.testing.assert_close(one[name], other[name], rtol=1e-12, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_saved_pipeline(make, batch, pipeline, tmp_path, dtype):
    pipe = pipeline(make(coulomb="dsf", dtype=dtype))
    pipe.save(tmp_path / "pipe.alchemi")
    assert same(load_pipeline(tmp_path / "pipe.alchemi")(batch, WANTED), pipe(batch, WANTED))


def test_state_dict(make, checkpoints, batch, pipeline):
    other = create_model("aimnet2", checkpoint=checkpoints["full"], coulomb="dsf", dtype="float64")
    with torch.no_grad():
        for one in other.parameters():
            one.mul_(1.01)
    model = make(coulomb="dsf")
    assert not same(pipeline(other)(batch, WANTED), pipeline(model)(batch, WANTED))
    other.load_state_dict(model.state_dict())
    assert same(pipeline(other)(batch, WANTED), pipeline(model)(batch, WANTED))


def test_threads(make, crystals, batches, pipeline):
    pipe = pipeline(make(coulomb="dsf"))
    given = [batches(crystals[name]) for name in ("ice", "boxed molecule", "left-handed cell")] * 3
    alone = [pipe(batch, WANTED) for batch in given]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda batch: pipe(batch, WANTED), given))
    assert all(same(one, other) for one, other in zip(together, alone, strict=True))


def test_nothing_is_changed(make, batch, pipeline):
    model = make(coulomb="dsf")
    state = {name: one.clone() for name, one in model.state_dict().items()}
    fields = {name: getattr(batch, name).clone() for name in ("positions", "cell", "atomic_numbers")}
    charge = batch.fields["total_charge"].clone()
    pipeline(model)(batch, WANTED)
    assert all(
        torch.equal(one.nan_to_num(9.0), state[name].nan_to_num(9.0)) for name, one in model.state_dict().items()
    )
    assert all(one.grad is None for one in model.parameters())
    assert all(torch.equal(getattr(batch, name), one) for name, one in fields.items())
    assert torch.equal(batch.fields["total_charge"], charge)
    assert not batch.positions.requires_grad
