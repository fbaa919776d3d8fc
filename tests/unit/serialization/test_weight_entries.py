"""Weights in files: what is written is read, and what cannot be a weight is refused."""

import pytest
import torch

from alchemi_core.data.held import HeldValue
from alchemi_core.errors import AlchemiError, SerializationError
from alchemi_core.serialization.held_weights import HeldReader, describe_held
from alchemi_core.serialization.weight_entries import MAX_DEPTH, describe_weight, read_step_weight
from alchemi_core.weights import Coupling

LAM = Coupling()
AFFINE = {"name": "coupling", "constant": 0.0, "slope": 1.0}


def weight(*factors, scale=1.0):
    return {"weight": {"scale": scale, "factors": list(factors)}}


def nested(depth):
    return {"sum": [weight(nested(depth - 1))["weight"]]} if depth else AFFINE


def no_tensor(_):
    raise AssertionError


@pytest.mark.parametrize(
    "written", [0.5, LAM, 0.5 * (1 - LAM), 1 - LAM**2, LAM.ramp(0.0, 0.5) ** 2, 2 * (1 - LAM.ramp(0.5, 0.1) * LAM)]
)
def test_they_are_read_as_written(written):
    assert read_step_weight({"weight": describe_weight(written, no_tensor)}) == written


def test_factors_of_older_files_are_read():
    assert read_step_weight(weight({"name": "lam", "constant": 1.0, "slope": -1.0}, scale=0.5)) == 0.5 * (
        1 - Coupling("lam")
    )


@pytest.mark.parametrize(
    "step",
    [
        {"weight": "half"},
        weight("coupling"),
        weight({"name": "coupling", "constant": 0.0}),
        weight({**AFFINE, "name": ""}),
        weight({**AFFINE, "name": "positions"}),
        weight({**AFFINE, "ramp": [0.0, 0.5, 1.0]}),
        weight({**AFFINE, "ramp": [0.0, "1"]}),
        weight({**AFFINE, "ramp": [0.5, 0.5]}),
        weight({**AFFINE, "slope": float("inf")}),
        weight({**AFFINE, "held": {}}),
        weight({"sum": "all"}),
        weight(nested(MAX_DEPTH + 1)),
        weight(*[AFFINE] * 65),
    ],
)
def test_what_is_none_is_refused(step):
    with pytest.raises(AlchemiError):
        read_step_weight(step)


def test_slopes_of_ramps_have_no_form():
    with pytest.raises(SerializationError, match="the slope of a ramp"):
        describe_weight(LAM.ramp(0.0, 0.5).derivative("coupling"), no_tensor)


def test_tensors_of_one_key_are_one():
    value = torch.nn.Parameter(torch.tensor(0.5))
    entry = describe_held(HeldValue(value, "mix"), lambda tensor: "key")
    reader = HeldReader({"key": value.detach()})
    one, same, other = reader.read(entry, "mix"), reader.read(entry, "mix"), reader.read(entry, "")
    assert one is same
    assert other is not one
    assert other.value is one.value
    assert isinstance(one.value, torch.nn.Parameter)
    assert one.value is not value


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"tensor": {"$tensor": "another"}, "parameter": True, "requires_grad": True},
        {"tensor": {"$tensor": "key"}, "parameter": 1, "requires_grad": True},
        {"tensor": "key", "parameter": True, "requires_grad": True},
    ],
)
def test_what_names_no_tensor_is_refused(entry):
    with pytest.raises(SerializationError):
        HeldReader({"key": torch.tensor(0.5)}).read(entry, "mix")
