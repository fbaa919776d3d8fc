"""Derivatives that go wrong in silence elsewhere (numbers 1 to 8): right here, or refused."""

import pytest
import torch
from support import byhand
from support.pipelines import ALL, autograd, direct, pipeline
from support.structures import batch_of, mixed, salt
from support.toys import Charges, Coulomb, Gaussians, HybridCoulomb, Kernel

from alchemi_core.derivatives.autograd import energy_derivatives
from alchemi_core.errors import CutGradientError, LostTermError


def two_gaussians(batch):
    return byhand.gaussians(batch) + byhand.gaussians(batch, strength=-0.3, cutoff=3.5)


def expected_of_two():
    return byhand.reference(two_gaussians, mixed())


def test_01_detached_energy_in_an_autograd_group_brings_its_forces_and_stress():
    pipe = pipeline(autograd(Gaussians(), Kernel(-0.3, 3.5)))
    byhand.assert_outputs(pipe(mixed(), requested=ALL), expected_of_two())


def test_01_detached_energy_without_stress_is_refused_when_stress_is_asked():
    pipe = pipeline(autograd(Gaussians(), Kernel(-0.3, 3.5, outputs=("energy", "forces"))))
    byhand.assert_outputs(pipe(mixed(), requested={"energy", "forces"}), expected_of_two())
    with pytest.raises(LostTermError, match=r"(?s)step 1 \(kernel\).*stress.*finite-difference"):
        pipe(mixed(), requested={"stress"})


@pytest.mark.parametrize("inner", [direct, autograd])
@pytest.mark.parametrize("training", [True, False])
def test_02_a_nested_pipeline_keeps_its_forces_in_every_mode(inner, training):
    nested = pipeline(inner(Gaussians(-0.3, 3.5)))
    pipe = pipeline(autograd(Gaussians(), nested)).train(training)
    byhand.assert_outputs(pipe(mixed(), requested=ALL), expected_of_two())


@pytest.mark.parametrize("group", [direct, autograd])
def test_03_stress_reaches_every_model(group):
    pipe = pipeline(group(Gaussians()), group(Kernel(-0.3, 3.5)))
    byhand.assert_outputs(pipe(mixed(), requested={"stress"}), expected_of_two())


def test_03_energy_alone_returns_no_forces():
    pipe = pipeline(autograd(Gaussians(), Kernel(-0.3, 3.5, generous=True)))
    out = pipe(mixed(), requested={"energy"})
    assert set(out) == {"energy"}
    byhand.assert_outputs(out, expected_of_two())


def test_04_a_charge_used_in_another_group_is_refused_unless_detached():
    pipe = pipeline(autograd(Charges()), autograd(Coulomb()))
    assert pipe(mixed(), requested={"energy"})["energy"].abs().max() > 0
    with pytest.raises(CutGradientError) as caught:
        pipe(mixed(), requested={"forces"})
    assert "(dE/dcharges)(dcharges/dr)" in caught.value.found
    assert "detach=True" in caught.value.fix


@pytest.mark.parametrize("group", [direct, autograd])
def test_05_forces_returned_unasked_are_not_counted(group):
    pipe = pipeline(group(Gaussians(), Kernel(-0.3, 3.5, generous=True)))
    byhand.assert_outputs(pipe(mixed(), requested={"energy", "forces"}), expected_of_two())
    assert pipe(mixed(), requested={"energy"}).keys() == {"energy"}


def test_05_an_energy_on_the_graph_that_reports_forces_too_counts_once():
    generous = Gaussians(-0.3, 3.5)
    compute = generous.compute
    generous.compute = lambda view, requested: {**compute(view, requested), "forces": torch.ones_like(view.positions)}
    pipe = pipeline(autograd(Gaussians(), generous))
    byhand.assert_outputs(pipe(mixed(), requested=ALL), expected_of_two())


class Counting(Gaussians):
    """Caches nothing, but counts how often gradients flow back through it."""

    backward_passes = 0

    def compute(self, view, requested):
        energy = super().compute(view, requested)["energy"]

        def count(gradient):
            self.backward_passes += 1
            return gradient

        if energy.requires_grad:
            energy.register_hook(count)
        return {"energy": energy}


def test_06_forces_and_stress_come_from_one_backward_pass():
    model = Counting()
    pipe = pipeline(autograd(model, Gaussians(-0.3, 3.5)))
    together = pipe(mixed(), requested=ALL | {"virial"})
    assert model.backward_passes == 1
    assert len(model.calls) == 1
    apart = {name: pipe(mixed(), requested={name})[name] for name in together}
    byhand.assert_outputs(together, apart, rtol=1e-13, atol=1e-13)


def test_06_groups_are_independent():
    model = Counting()
    pipe = pipeline(autograd(model), autograd(model), direct(model))
    out = pipe(mixed(), requested=ALL)
    assert model.backward_passes == 3
    once = pipeline(autograd(Gaussians()))(mixed(), requested=ALL)
    byhand.assert_outputs(out, {name: 3 * value for name, value in once.items()}, rtol=1e-12)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_07_grad_is_enabled_where_it_is_needed(mode, training):
    pipe = pipeline(autograd(Charges(), HybridCoulomb(), Gaussians()), direct(Kernel(-0.3, 3.5))).train(training)

    def energy(batch):
        return byhand.coulomb(batch, byhand.charges(batch)) + two_gaussians(batch)

    expected = byhand.reference(energy, batch_of(salt()), ("forces", "stress"))
    with mode():
        made_inside = batch_of(salt())
        for batch in (made_inside, made_inside):
            out = pipe(batch, requested=ALL)
            assert not any(value.requires_grad or value.grad_fn for value in out.values())
            byhand.assert_outputs(out, expected)
    byhand.assert_outputs(pipe.eval()(made_inside, requested=ALL), expected)


@pytest.mark.parametrize("mode", ["eval", "train", "no_grad", "energy only"])
def test_08_the_callers_leaf_is_untouched(mode):
    batch = batch_of(salt())
    positions, cell = batch.positions.clone().requires_grad_(), batch.cell.clone().requires_grad_()
    batch = batch.with_fields(positions=positions, cell=cell)
    before = positions.detach().clone()
    pipe = pipeline(autograd(Gaussians())).train(mode == "train")
    with torch.set_grad_enabled(mode != "no_grad"):
        pipe(batch, requested={"energy"} if mode == "energy only" else ALL)
    assert batch.positions is positions
    assert positions.requires_grad
    assert positions.is_leaf
    assert positions.grad is None
    assert cell.grad is None
    torch.testing.assert_close(positions.detach(), before, rtol=0, atol=0)


def test_08_a_graph_that_leads_to_the_callers_positions_survives():
    leaf = mixed().positions.requires_grad_()
    positions = leaf * 1.0
    batch = mixed().with_fields(positions=positions)
    pipeline(autograd(Gaussians()))(batch, requested=ALL)
    positions.sum().backward()
    torch.testing.assert_close(leaf.grad, torch.ones_like(leaf))


def test_a_users_own_derivative_can_serve_stress():
    def function(energy, data, requested):
        assert data.positions.requires_grad
        assert data.positions.is_leaf
        return energy_derivatives(energy, data, requested)

    pipe = pipeline(autograd(Gaussians(), Kernel(-0.3, 3.5), derivative_fn=function))
    byhand.assert_outputs(pipe(mixed(), requested=ALL), expected_of_two())
