"""Copies, pickles, moves, threads, shared instances and exceptions: a pipeline leaves nothing behind."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import attrs
import pytest
import torch
from support import byhand
from support.pipelines import ALL, autograd, direct, pipeline
from support.structures import batch_of, mixed, salt, water
from support.toys import Charges, Coulomb, Gaussians, HybridCoulomb, Kernel

from alchemi_core.builtins import alchemi_derivatives
from alchemi_core.models import BaseModelMixin
from alchemi_core.registry import Registry, default_registry
from alchemi_core.topology import PipelineStep


def everything():
    step = PipelineStep(Charges("q"), wire={"q": "charges"})
    return pipeline(autograd(step, HybridCoulomb(), Gaussians()), direct(Kernel(-0.3, 3.5)), skin=0.3)


def same(one, other):
    byhand.assert_outputs(one, other, rtol=0, atol=0)


COPIES = {"deepcopy": copy.deepcopy, "pickle": lambda pipe: pickle.loads(pickle.dumps(pipe))}


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("used", [True, False])
def test_copies_give_the_same_and_share_nothing(how, used):
    pipe = everything()
    before = pipe(mixed(), requested=ALL) if used else everything()(mixed(), requested=ALL)
    twin = COPIES[how](pipe)
    same(twin(mixed(), requested=ALL), before)
    assert twin.plan == pipe.plan
    assert twin.topology.settings == pipe.topology.settings
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.mul_(2.0)
    same(pipe(mixed(), requested=ALL), before)
    assert (twin(mixed(), requested=ALL)["energy"] - before["energy"]).abs().max() > 1e-3


@pytest.mark.parametrize("how", COPIES)
def test_a_model_used_twice_is_one_model_in_a_copy_too(how):
    model = Gaussians()
    twin = COPIES[how](pipeline(autograd(model), direct(model)))
    assert len(list(twin.parameters())) == 1
    with torch.no_grad():
        next(twin.parameters()).mul_(2.0)
    byhand.assert_outputs(twin(mixed(), requested={"energy"}), {"energy": 4 * byhand.gaussians(mixed())})


@pytest.mark.parametrize("how", COPIES)
def test_a_registry_of_its_own_stays_with_the_pipeline(how):
    own = Registry(records=default_registry().records)
    pipe = pipeline(autograd(Gaussians(), derivative_fn="finite-difference"), registry=own)
    assert COPIES[how](pipe).registry == own
    assert pipe.with_settings(skin=1.0).registry is own
    assert (pipe + Kernel()).registry is own
    assert (Kernel() + 0.5 * pipe).registry is own
    assert any(offer.name == "finite-difference" for offer in alchemi_derivatives())


def test_state_dict_round_trip():
    one, two = everything(), everything()
    with torch.no_grad():
        for parameter in one.parameters():
            parameter.mul_(1.7)
    assert set(one.state_dict()) == set(two.state_dict())
    assert len(one.state_dict()) == 2
    two.load_state_dict(one.state_dict())
    same(two(mixed(), requested=ALL), one(mixed(), requested=ALL))


def test_weights_move_with_to_and_outputs_follow_the_batch():
    pipe = everything().to(torch.float32)
    assert {p.dtype for p in pipe.parameters()} == {torch.float32}
    out = pipe(mixed(), requested=ALL)
    assert {value.dtype for value in out.values()} == {torch.float64}
    reference = everything()(mixed(), requested=ALL)
    byhand.assert_outputs(out, reference, rtol=1e-5, atol=1e-6)


def test_one_instance_in_several_pipelines_is_never_reconfigured():
    model = Gaussians()
    config, flags = model.model_config, (model.training, model.strength.requires_grad)
    pipes = [
        pipeline(autograd(model)),
        pipeline(direct(model)),
        0.5 * model,
        model + Kernel(),
        pipeline(direct(model), active_outputs={"energy"}),
    ]
    first = [pipe(mixed(), requested={"energy", "forces"}) for pipe in pipes]
    for pipe, before in zip(reversed(pipes), reversed(first), strict=True):
        same(pipe(mixed(), requested={"energy", "forces"}), before)
    assert model.model_config is config
    assert (model.training, model.strength.requires_grad) == flags


def test_one_instance_twice_counts_twice():
    model = Gaussians()
    expected = byhand.reference(lambda batch: 2 * byhand.gaussians(batch), mixed(), ("forces", "stress"))
    for pipe in (pipeline(autograd(model, model)), pipeline(autograd(model), autograd(model)), model + model):
        byhand.assert_outputs(pipe(mixed(), requested=ALL), expected)


def test_two_threads_with_different_batches():
    pipe = everything()
    batches = [mixed(), batch_of(salt(seed=9), salt(seed=3)), batch_of(water()), batch_of(salt(seed=2))]
    alone = [[everything()(moved, requested={"energy", "forces"}) for moved in trajectory(batch)] for batch in batches]

    def work(number):
        return [pipe(moved, requested={"energy", "forces"}) for moved in trajectory(batches[number])]

    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(work, [0, 1, 2, 3, 0, 1, 2, 3]))
    for number, outputs in enumerate(together):
        for out, expected in zip(outputs, alone[number % 4], strict=True):
            byhand.assert_outputs(out, expected, rtol=1e-10, atol=1e-12)


def trajectory(batch):
    return [batch.with_fields(positions=batch.positions + 0.01 * k * batch.positions.sin()) for k in range(15)]


class Failing(Gaussians):
    """Raises when told to."""

    fails = False

    def compute(self, view, requested):
        if self.fails:
            raise ArithmeticError("on purpose")
        return super().compute(view, requested)


@pytest.mark.parametrize("derivative", [None, "finite-difference"])
@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_an_exception_leaves_nothing_behind(derivative, mode):
    model, batch = Failing(), mixed()
    pipe = pipeline(autograd(Gaussians(-0.3, 3.5), model, derivative_fn=derivative))
    expected = pipeline(autograd(Gaussians(-0.3, 3.5), Gaussians(), derivative_fn=derivative))(batch, requested=ALL)
    with mode():
        model.fails = True
        with pytest.raises(ArithmeticError, match="on purpose"):
            pipe(batch, requested=ALL)
        assert torch.is_inference_mode_enabled() is (mode is torch.inference_mode)
        assert torch.is_grad_enabled() is (mode is torch.enable_grad)
        model.fails = False
        same(pipe(batch, requested=ALL), expected)
    assert dict(batch.fields) == {}
    assert batch.neighbors == ()


def test_a_new_pipeline_is_in_evaluation_mode_and_leaves_its_models_alone():
    model = Gaussians().train()
    pipe = pipeline(autograd(model))
    assert not pipe.training
    assert model.training
    assert not pipe.eval().models[0].training
    assert pipe.train().models[0].training


def test_the_representation_names_groups_and_steps():
    assert "group 0 (autograd): charge-model, hybrid-coulomb, gaussians\n  group 1 (direct): kernel" in repr(
        everything()
    )


def test_a_pipeline_of_pipelines_keeps_parameters_once():
    charges = Charges()
    pipe = pipeline(autograd(pipeline(direct(charges)), Coulomb()), direct(pipeline(autograd(Gaussians()))))
    assert len(list(pipe.parameters())) == 2
    assert len(pipe.state_dict()) == 2


@pytest.mark.parametrize("training", [True, False])
def test_other_settings_keep_the_mode_of_the_pipeline_and_of_its_models(training):
    pipe = pipeline(autograd(Gaussians())).train(training)
    changed = pipe.with_settings(skin=1.0)
    assert (changed.training, changed.models[0].training) == (training, training)
    assert changed(mixed(), requested={"forces"})["forces"].requires_grad is training


def test_an_equal_config_changes_nothing_and_another_one_everything():
    model = Gaussians()
    pipe = pipeline(autograd(model))
    plan = pipe.plan
    model.model_config = attrs.evolve(model.model_config)
    assert pipe.plan is plan
    model.model_config = attrs.evolve(model.model_config, name="renamed")
    assert pipe.plan.labels == ("renamed",)


class Replacing(Gaussians):
    """Gives itself another config during the call, as another thread may."""

    pipes = ()

    def compute(self, view, requested):
        self.model_config = attrs.evolve(self.model_config, name=self.model_config.name + "'")
        assert [pipe.plan.labels[0] for pipe in self.pipes] == [self.model_config.name]
        return super().compute(view, requested)


def test_a_call_uses_one_declaration_throughout():
    model = Replacing()
    pipe = pipeline(autograd(model))
    model.pipes = (pipe,)
    expected = pipeline(autograd(Gaussians()))(mixed(), requested=ALL)
    same(pipe(mixed(), requested=ALL), expected)
    same(pipe(mixed(), requested=ALL), expected)


class Wrapping(BaseModelMixin):
    """A model that is no pipeline, but runs one on what it is shown."""

    def __init__(self, inner):
        self.inner, self.model_config = inner, attrs.evolve(inner.model_config, name="wrapping")

    def compute(self, view, requested):
        assert [kept.cutoff for kept in view.as_batch().neighbors] == [self.model_config.neighbor_config.cutoff]
        return self.inner.compute(view, requested)


def test_a_model_that_runs_a_pipeline_passes_on_the_inputs_it_was_wired():
    batch = mixed()
    stray = batch.with_fields(charges=torch.ones_like(byhand.charges(batch)), other=batch.positions)
    wrapped = pipeline(direct(PipelineStep(Charges(), detach=True), Wrapping(pipeline(autograd(Coulomb())))))
    out = wrapped(stray, requested={"energy"})
    byhand.assert_outputs(out, {"energy": byhand.coulomb(batch, byhand.charges(batch))})
