"""`differentiate`: every term of a sum in one group with one strategy, made by name, by object or by function."""

import pytest
import torch
from support import byhand
from support.pipelines import CORE, autograd, direct, pipeline
from support.strategies import GraphBorn, GraphHessian, SampledHessian
from support.structures import batch_of, mixed, salt
from support.toys import Charges, Coulomb, Gaussians, Kernel

from alchemi_core.algebra import differentiate
from alchemi_core.derivatives.autograd import energy_derivatives
from alchemi_core.derivatives.finite_difference import FiniteDifference
from alchemi_core.errors import CompositionError, DeclarationError, DoubleCountingError, OptionError, UnknownOfferError
from alchemi_core.offers import DerivativeOffer
from alchemi_core.plugin_records import PluginRecord
from alchemi_core.registry import Registry, create_derivative
from alchemi_core.topology import PipelineStep

OFFERS = (
    DerivativeOffer(name="hess", summary="s", target="support.strategies:GraphHessian"),
    DerivativeOffer(name="gentle", summary="s", target=f"{__name__}:gentle"),
)
REGISTRY = Registry((*CORE.records, PluginRecord("theirs", "alchemi-theirs", "1.0", OFFERS)))


def gentle(energy, data, requested):
    return {name: 0.5 * value for name, value in energy_derivatives(energy, data, requested).items()}


class Chosen(GraphHessian):
    """What it serves depends on an option."""

    name = "chosen"

    def __init__(self, word="hessian"):
        object.__setattr__(self, "word", word)

    @property
    def serves(self):
        return frozenset({self.word, "forces"})


def crystal():
    return batch_of(salt())


def two():
    """Charges in one group, and a black box beside it."""
    return pipeline(autograd(Charges(), Coulomb()), direct(PipelineStep(Kernel(), weight=0.5)))


def two_by_hand(batch):
    return byhand.coulomb(batch, byhand.charges(batch)) + 0.5 * byhand.gaussians(batch)


@pytest.mark.parametrize("how", ["finite-difference", FiniteDifference(), FiniteDifference])
def test_all_steps_come_into_one_group(how):
    made = differentiate(two(), how, registry=CORE)
    assert [len(group.steps) for group in made.plan_for({"forces"}).groups] == [3]
    expected = byhand.reference(two_by_hand, mixed(), ("forces", "stress"))
    byhand.assert_outputs(
        made(mixed(), requested={"forces", "stress", "energy"}),
        expected | {"energy": two_by_hand(mixed())},
        rtol=1e-6,
        atol=2e-8,
    )


def test_a_bare_model_is_enough():
    out = differentiate(Gaussians(), GraphHessian())(crystal())
    assert out.keys() == {"energy", "hessian"}
    assert out["hessian"].shape == (1, 6, 6)


@pytest.mark.parametrize(
    ("model", "strategy", "active"),
    [
        (Gaussians, GraphHessian(), {"energy", "hessian"}),
        (Charges, GraphBorn(), {"born_charges", "dipole"}),
        (Gaussians, FiniteDifference(), {"energy", "forces", "stress"}),
        (Gaussians, gentle, {"energy", "forces", "stress"}),
        (Gaussians, Chosen, {"energy", "hessian"}),
        (Gaussians, Chosen("word"), {"energy", "word"}),
    ],
)
def test_what_is_computed_by_default(model, strategy, active):
    assert differentiate(model(), strategy).active_outputs == active


def test_options_are_those_of_the_named_strategy():
    out = [
        differentiate(Kernel(), "finite-difference", registry=CORE, step=step)(crystal(), {"forces"})["forces"]
        for step in (1e-4, 0.3)
    ]
    assert (out[0] - out[1]).abs().max() > 1e-4
    with pytest.raises(OptionError, match="no option named 'steps'"):
        differentiate(Kernel(), "finite-difference", registry=CORE, steps=1)
    with pytest.raises(OptionError, match="it is not a class"):
        differentiate(Gaussians(), "gentle", registry=REGISTRY, step=1)


@pytest.mark.parametrize("strategy", [FiniteDifference(), FiniteDifference, gentle])
def test_options_of_what_is_made_already_are_not_dropped(strategy):
    with pytest.raises(OptionError, match="step"):
        differentiate(Gaussians(), strategy, step=1e-3)


def test_names_are_those_of_the_registry():
    assert differentiate(Gaussians(), "hess", registry=REGISTRY).active_outputs == {"energy", "hessian"}
    scaled = differentiate(Gaussians(), "gentle", registry=REGISTRY)(crystal(), {"forces"})["forces"]
    torch.testing.assert_close(2 * scaled, pipeline(autograd(Gaussians()))(crystal(), {"forces"})["forces"])
    assert differentiate(pipeline(direct(Gaussians()), registry=REGISTRY), "hess").registry is REGISTRY
    with pytest.raises(UnknownOfferError, match="hess"):
        differentiate(Gaussians(), "hess", registry=CORE)
    assert create_derivative("hess", registry=REGISTRY).name == "graph-hessian"


@pytest.mark.parametrize("wrong", [3, "no name at all"])
def test_what_is_no_strategy(wrong):
    with pytest.raises((DeclarationError, UnknownOfferError)):
        differentiate(Gaussians(), wrong, registry=CORE)


def test_settings_weights_and_what_is_detached_stay():
    steps = autograd(PipelineStep(Charges(), detach=True), PipelineStep(Coulomb(), weight=0.5))
    pipe = pipeline(steps, skin=0.25, neighbor_adaptation="never", active_outputs={"energy"})
    made = differentiate(2 * pipe, SampledHessian())
    q = byhand.charges(crystal())
    expected = byhand.reference(lambda batch: byhand.coulomb(batch, q), crystal(), ("forces",))
    byhand.assert_outputs(made(crystal(), requested={"forces"}), expected)
    assert made._current().declaration.skin == 0.25
    assert made._current().declaration.settings.neighbor_adaptation == "never"


def test_what_was_accepted_stays_accepted():
    def contains(model):
        return with_contents(model, {"dispersion"})

    models = contains(Gaussians()), contains(Gaussians(-0.3, 3.5))
    with pytest.raises(DoubleCountingError):
        differentiate(pipeline(direct(*models)), GraphHessian())(crystal())
    accepted = pipeline(direct(*models), accept={"dispersion"})
    assert differentiate(accepted, GraphHessian())(crystal()).keys() == {"energy", "hessian"}


def with_contents(model, contents):
    from support.toys import with_config

    return with_config(model, contains=contents, correction=True)


def test_one_strategy_only():
    with pytest.raises(CompositionError, match="one derivative"):
        differentiate(differentiate(Gaussians(), GraphHessian()), SampledHessian())


def test_the_model_is_left_as_it_was():
    pipe = two()
    before = str(pipe.plan)
    differentiate(pipe, "finite-difference", registry=CORE)(crystal(), {"forces"})
    assert str(pipe.plan) == before
    assert pipe.topology.groups[0].derivative_fn is None


def test_a_differentiated_pipeline_is_a_model():
    """It can be weighted, added and trained as any other."""
    hessian = differentiate(Gaussians(), GraphHessian())
    one = hessian(crystal(), {"hessian"})["hessian"]
    whole = 0.5 * hessian + differentiate(Gaussians(), GraphHessian())
    torch.testing.assert_close(whole(crystal(), {"hessian"})["hessian"], 1.5 * one)
    trained = hessian.train()(crystal(), {"hessian"})["hessian"]
    assert trained.requires_grad
    torch.testing.assert_close(trained.detach(), one)
