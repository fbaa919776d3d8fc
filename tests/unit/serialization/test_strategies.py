"""Derivative strategies and reductions survive by the names of their offers, with their options."""

import copy

import attrs
import pytest
import torch
from support.pipelines import pipeline

from alchemi_core import PipelineGroup, PipelineModelWrapper, PipelineStep, load_pipeline
from alchemi_core.derivatives.autograd import Autograd, energy_derivatives
from alchemi_core.derivatives.finite_difference import FiniteDifference
from alchemi_core.errors import SerializationError
from alchemi_core.offers import DerivativeOffer
from alchemi_core.plugin_records import PluginRecord

from .plugins import OFFERED, Changing, Plain, Scaled, Scaling, halved, made, plugin, ready, registry, strategies
from .sealed import Parts, sealed


def saved(path, derivative, own=OFFERED):
    group = PipelineGroup([made("gaussians")], use_autograd=True, derivative_fn=derivative)
    pipe = pipeline(group, registry=own)
    pipe.save(path)
    return pipe


def described(path):
    return Parts.of(path).document["topology"]["groups"][0]["derivative"]


WRITTEN = {
    "none": (None, None),
    "a name": ("autograd", "autograd"),
    "a name of a plugin": ("scaled", "scaled"),
    "a value": (Scaled(0.25), {"name": "scaled", "options": {"scale": 0.25}}),
    "a value without options": (Autograd(), {"name": "autograd", "options": {}}),
    "a value of the core": (FiniteDifference(1e-3), {"name": "finite-difference", "options": {"step": 0.001}}),
    "options that were not given": (FiniteDifference(), {"name": "finite-difference", "options": {"step": None}}),
    "a class of the usual kind": (Plain(0.5, times=3.0), {"name": "plain", "options": {"scale": 0.5, "times": 3.0}}),
    "a function": (halved, "halved"),
    "an instance on offer": (ready, "ready"),
    "a copy of an instance on offer": (copy.deepcopy(ready), "ready"),
}


@pytest.mark.parametrize("what", WRITTEN)
def test_by_name(path, crystal, what):
    derivative, text = WRITTEN[what]
    pipe = saved(path, derivative)
    assert described(path) == text
    loaded = load_pipeline(path, registry=OFFERED)
    assert str(loaded.plan) == str(pipe.plan)
    for name in ("energy", "forces", "stress"):
        assert torch.equal(loaded(crystal, {name})[name], pipe(crystal, {name})[name])
    loaded.save(path)
    assert described(path) == text


@attrs.frozen(eq=False)
class Tabled(Scaling):
    """Made with a tensor, which is kept with the other tensors."""

    table: torch.Tensor

    @property
    def factor(self):
        return self.table.sum()


class Made(Scaling):
    """Cannot be made again by what it keeps."""

    def __init__(self, scale):
        self.factor = scale


def mine(energy, data, requested):
    return energy_derivatives(energy, data, requested)


@pytest.mark.parametrize("derivative", [mine, Changing(0.5), Made(0.5)], ids=["function", "changing", "made"])
def test_what_no_offer_makes_is_handed_over(path, crystal, derivative):
    pipe = saved(path, derivative)
    name = getattr(derivative, "__name__", type(derivative).__name__)
    assert described(path) == {"function": name}
    with pytest.raises(SerializationError, match=f"group 0 had a function of its own, '{name}'") as caught:
        load_pipeline(path, registry=OFFERED)
    assert caught.value.fix == "load_pipeline(path, derivative_fns={0: ...})"
    loaded = load_pipeline(path, registry=OFFERED, derivative_fns={0: derivative})
    assert torch.equal(loaded(crystal)["forces"], pipe(crystal)["forces"])


def test_functions_of_nested_pipelines_go_by_the_outermost_group(path, crystal):
    inner = pipeline(PipelineGroup([made("gaussians")], use_autograd=True, derivative_fn=mine), registry=OFFERED)
    pipe = pipeline(PipelineGroup([made("kernel")]), PipelineGroup([inner]), registry=OFFERED)
    pipe.save(path)
    with pytest.raises(SerializationError, match="group 1 had a function of its own"):
        load_pipeline(path, registry=OFFERED, derivative_fns={0: mine})
    loaded = load_pipeline(path, registry=OFFERED, derivative_fns={1: mine})
    assert torch.equal(loaded(crystal)["forces"], pipe(crystal)["forces"])


@pytest.mark.parametrize(("derivative", "number"), [("autograd", 0), (None, 0), (mine, 1), (mine, -1)])
def test_functions_for_groups_without_one_are_refused(path, derivative, number):
    saved(path, derivative)
    with pytest.raises(SerializationError, match=f"a function was given for group {number}, which has none of its own"):
        load_pipeline(
            path, registry=OFFERED, derivative_fns={0: mine, number: mine} if derivative is mine else {0: mine}
        )


@pytest.mark.parametrize("options", [{"scale": "/etc/passwd"}, {"trusted": True}])
def test_options_of_strategies_name_no_places_and_ask_for_no_trust(path, options):
    saved(path, Scaled(0.25))
    parts = Parts.of(path)
    parts.document["topology"]["groups"][0]["derivative"]["options"] = options
    path.write_bytes(sealed(parts))
    with pytest.raises(SerializationError, match=r"a place outside of the file|asks to be trusted"):
        load_pipeline(path, registry=OFFERED)


def test_functions_on_offer_are_not_called_with_options_of_a_file(path):
    saved(path, halved)
    parts = Parts.of(path)
    parts.document["topology"]["groups"][0]["derivative"] = {"name": "halved", "options": {"energy": 1}}
    path.write_bytes(sealed(parts))
    with pytest.raises(SerializationError, match=r"it is not a class"):
        load_pipeline(path, registry=OFFERED)


def test_strategies_made_of_places_are_handed_over(path):
    saved(path, Scaled("/somewhere/scale"))
    assert described(path) == {"function": "Scaled"}


def test_broken_plugins_have_nothing_to_say_about_others(path):
    broken = DerivativeOffer(name="broken", summary="gone", target="no_such_module:Broken")
    saved(path, Scaled(0.25), registry(PluginRecord("broken", "broken", "1", (broken,)), plugin(), strategies()))
    assert described(path) == {"name": "scaled", "options": {"scale": 0.25}}


def test_strategies_are_needs(path):
    saved(path, Scaled(0.25), registry(plugin(), strategies("alchemi-scaled", "1.2")))
    assert Parts.of(path).document["needs"] == [
        {"plugin": "alchemi-scaled", "version": "1.2", "offers": [["derivative", "scaled"]]}
    ]
    with pytest.raises(SerializationError, match=r"alchemi-scaled 1.2 or later: it is not installed"):
        load_pipeline(path, registry=registry(plugin()))


def test_a_name_that_nobody_offers_is_refused(path):
    saved(path, "scaled")
    parts = Parts.of(path)
    parts.document["topology"]["groups"][0]["derivative"] = "cubic"
    path.write_bytes(sealed(parts))
    with pytest.raises(SerializationError, match="cubic"):
        load_pipeline(path, registry=OFFERED)


@pytest.mark.parametrize("rule", ["mean", "sum"])
def test_reductions(path, crystal, rule):
    steps = [PipelineStep(made("charges"), weight=weight) for weight in (0.25, 0.75)]
    pipe = PipelineModelWrapper([PipelineGroup(steps)], registry=OFFERED, reductions={"charges": rule})
    pipe.save(path)
    loaded = load_pipeline(path, registry=OFFERED)
    assert loaded.topology.settings.reductions == {"charges": rule}
    assert torch.equal(loaded(crystal)["charges"], pipe(crystal)["charges"])
    parts = Parts.of(path)
    parts.document["topology"]["settings"]["reductions"] = {"charges": "largest"}
    path.write_bytes(sealed(parts))
    with pytest.raises(SerializationError, match="largest"):
        load_pipeline(path, registry=OFFERED)
