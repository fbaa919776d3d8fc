"""Models that were changed after they were made do not come back as what they were made as."""

import types

import attrs
import pytest
import torch

from alchemi_core import PipelineGroup, PipelineModelWrapper, load_pipeline, pipeline_text
from alchemi_core.errors import SerializationError

from .plugins import OFFERED, made


def replaced(model):
    model.layers[1] = torch.nn.Tanh()


def hooked(model):
    model.layers[0].register_forward_hook(lambda *_: None)


def overridden(model):
    model.compute = types.MethodType(type(model).compute, model)


def weight_normed(model):
    torch.nn.utils.parametrizations.weight_norm(model.layers[0])


def buffered(model):
    model.register_buffer("extra", torch.zeros(3))


def reset(model):
    model.layers[1].inplace = True


def redeclared(model):
    model.model_config = attrs.evolve(model.model_config, level_of_theory="PBE")


def enlarged(model):
    model.add_module("more", torch.nn.Identity())


def layered():
    """Drawn alike each time, as weights that come with a plugin are."""
    torch.manual_seed(1)
    return made("layered")


CHANGES = [replaced, hooked, overridden, weight_normed, buffered, reset, redeclared, enlarged]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("by_reference", [False, True], ids=["held", "referred"])
def test_a_changed_model_is_to_be_handed_over(path, change, by_reference):
    model = layered()
    change(model)
    pipe = PipelineModelWrapper([PipelineGroup([model])], registry=OFFERED)
    pipe.save(path, reference_weights=by_reference)
    with pytest.raises(SerializationError, match="it was changed after it was made"):
        load_pipeline(path, registry=OFFERED)
    same = layered()
    change(same)
    load_pipeline(path, models=[same], registry=OFFERED)
    for name, tensor in model.state_dict().items():
        assert torch.equal(same.state_dict()[name], tensor)
    with pytest.raises(SerializationError, match=r"was changed after it was made|has other weights"):
        pipeline_text(pipe, "toml", OFFERED)


def test_an_unchanged_model_is_not(path):
    model = layered()
    pipe = PipelineModelWrapper([PipelineGroup([model])], registry=OFFERED)
    pipe.double().float().train().eval()
    pipe.save(path)
    load_pipeline(path, registry=OFFERED)


@pytest.mark.parametrize("by_reference", [False, True])
def test_saving_draws_no_random_numbers(path, by_reference):
    pipe = PipelineModelWrapper([PipelineGroup([layered()])], registry=OFFERED)
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    pipe.save(path, reference_weights=by_reference)
    assert torch.equal(torch.rand(3), wanted)
