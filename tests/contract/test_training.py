"""Training mode: losses on forces and stress reach every parameter, and nothing drops out of a gradient in silence."""

import pytest
import torch
from support.pipelines import ALL, FD, GRAPH, autograd, direct, pipeline
from support.structures import batch_of, mixed, salt, water
from support.toys import Charges, Coulomb, Gaussians, Hardness, HybridCoulomb, Kernel, with_config

from alchemi_core.contract import Constant, OnGraph
from alchemi_core.derivatives.autograd import energy_derivatives
from alchemi_core.errors import CutGradientError, DerivativeError, LostTermError
from alchemi_core.topology import PipelineStep


def crystal():
    return batch_of(salt())


def loss_of(out):
    """A loss with no symmetry over energy, forces and stress; rows without a stress are left out."""
    forces, stress = out["forces"], out["stress"][~out["stress"].isnan().flatten(1).any(1)]
    weights = torch.linspace(-1, 2, forces.numel(), dtype=forces.dtype).view_as(forces)
    return out["energy"].square().sum() + (weights * forces).sum() + forces.square().sum() + stress[:, 0].square().sum()


def slope(pipe, batch, parameter, h=1e-5):
    """Central difference of the loss in one parameter, evaluated in evaluation mode."""
    values = []
    for sign in (1, -1):
        with torch.no_grad():
            parameter += sign * h
            values.append(loss_of(pipe(batch, requested=ALL)))
            parameter -= sign * h
    return (values[0] - values[1]) / (2 * h)


def compositions():
    gaussians, charges = Gaussians(), Charges()
    return {
        "autograd": (pipeline(autograd(gaussians)), gaussians.strength),
        "direct": (pipeline(direct(gaussians)), gaussians.strength),
        "weighted": (pipeline(autograd(PipelineStep(gaussians, weight=-0.5), Gaussians(0.3))), gaussians.strength),
        "beside a kernel": (pipeline(autograd(gaussians, Kernel(-0.3, 3.5)), direct(Kernel())), gaussians.strength),
        "wired": (pipeline(autograd(charges, Coulomb(), Hardness(), gaussians)), charges.scale),
        "nested": (pipeline(autograd(pipeline(direct(charges)), Coulomb(), gaussians)), charges.scale),
        "resampled": (
            pipeline(autograd(charges, Coulomb(), gaussians, derivative_fn="finite-difference")),
            charges.scale,
        ),
    }


@pytest.mark.parametrize("name", compositions())
@pytest.mark.parametrize("structures", [crystal, mixed])
def test_a_loss_on_forces_and_stress_reaches_parameters(name, structures):
    pipe, parameter = compositions()[name]
    batch = structures()
    expected = slope(pipe, batch, parameter)
    loss_of(pipe.train()(batch, requested=ALL)).backward()
    assert parameter.grad.isfinite()
    torch.testing.assert_close(parameter.grad, expected, rtol=1e-5, atol=1e-7)


def test_outputs_are_the_same_in_both_modes():
    for name, (pipe, _) in compositions().items():
        evaluated, trained = pipe(mixed(), requested=ALL), pipe.train()(mixed(), requested=ALL)
        for key in ALL:
            assert trained[key].requires_grad, name
            assert not evaluated[key].requires_grad, name
            torch.testing.assert_close(trained[key], evaluated[key], rtol=1e-12, atol=1e-12, equal_nan=True)


def test_contributions_stay_on_the_graph_in_training_only():
    pipe, parameter = compositions()["autograd"]
    assert not pipe(mixed(), contributions=True).contributions[0].value.requires_grad
    (part,) = (c for c in pipe.train()(mixed(), contributions=True).contributions if c.name == "energy")
    part.value.sum().backward()
    assert parameter.grad.abs() > 0


def test_an_outer_loop_through_the_callers_geometry():
    """gradcheck: derivatives of forces and stress in positions and cell, to second order of the energy."""
    batch = crystal()
    pipe = pipeline(autograd(Charges(), Coulomb(), Hardness(), Gaussians())).train()

    def outputs(positions, cell):
        out = pipe(batch.with_fields(positions=positions, cell=cell), requested=ALL)
        return out["energy"], out["forces"], out["stress"]

    leaves = batch.positions.clone().requires_grad_(), batch.cell.clone().requires_grad_()
    assert torch.autograd.gradcheck(outputs, leaves, eps=1e-5, atol=1e-6, rtol=1e-4)


def test_an_outer_loop_through_the_energy_alone():
    pipe = pipeline(direct(Gaussians()), autograd(Gaussians(-0.3, 3.5))).train()
    positions = crystal().positions.clone().requires_grad_()
    energy = pipe(crystal().with_fields(positions=positions), requested={"energy"})["energy"]
    energy.sum().backward()
    forces = pipe.eval()(crystal(), requested={"forces"})["forces"]
    torch.testing.assert_close(-positions.grad, forces)


@pytest.mark.parametrize("request_", [{"energy"}, {"forces"}])
def test_an_outer_loop_that_would_miss_a_kernel_is_refused(request_):
    pipe = pipeline(autograd(Gaussians()), direct(Kernel())).train()
    batch = crystal().with_fields(positions=crystal().positions.requires_grad_())
    with pytest.raises(CutGradientError, match=r"(?s)step 1 \(kernel\).*positions.*eval\(\)"):
        pipe(batch, requested=request_)
    assert pipe(crystal(), requested=request_).keys() == request_
    assert pipe.eval()(batch, requested=request_).keys() == request_


def test_an_outer_loop_through_a_cell_that_an_energy_does_not_follow_is_refused():
    flat = with_config(Gaussians(), outputs={"energy": OnGraph("positions")})
    pipe = pipeline(autograd(flat)).train()
    batch = crystal().with_fields(cell=crystal().cell.requires_grad_())
    with pytest.raises(CutGradientError, match="cell"):
        pipe(batch, requested={"energy"})


def test_forces_at_fixed_charges_do_not_train_the_charges():
    pipe = pipeline(autograd(Charges(), HybridCoulomb(), Gaussians()))
    assert pipe(mixed(), requested=ALL).keys() == ALL
    with pytest.raises(CutGradientError, match=r"(?s)hybrid-coulomb.*parameters of charge-model.*detach=True"):
        pipe.train()(mixed(), requested=ALL)
    detached = pipeline(autograd(PipelineStep(Charges(), detach=True), HybridCoulomb(), Gaussians())).train()
    assert detached(mixed(), requested=ALL).keys() == ALL


def test_constant_charges_train_through_a_graph_but_not_through_a_black_box():
    class Learned(Charges):
        def compute(self, view, requested):
            return {"charges": self.scale * (view.atomic_numbers - 14)}

    learned = with_config(Learned(), outputs={"charges": Constant()})
    pipe = pipeline(autograd(learned), direct(Coulomb()), autograd(Gaussians()))
    expected = slope(pipe, mixed(), learned.scale)
    loss_of(pipe.train()(mixed(), requested=ALL)).backward()
    torch.testing.assert_close(learned.scale.grad, expected, rtol=1e-5, atol=1e-7)
    with pytest.raises(CutGradientError):
        pipeline(autograd(learned, HybridCoulomb(), Gaussians())).train()(mixed(), requested=ALL)


def test_an_energy_that_is_differentiable_once_trains_on_energies_only():
    once = with_config(Gaussians(), outputs={"energy": OnGraph(order=1)})
    pipe = pipeline(autograd(once)).train()
    pipe(mixed(), requested={"energy"})["energy"].sum().backward()
    assert once.strength.grad.abs() > 0
    with pytest.raises(LostTermError, match="once only"):
        pipe(mixed(), requested={"forces"})
    assert pipe.eval()(mixed(), requested={"forces"})["forces"].abs().max() > 0
    resampled = pipeline(autograd(once, derivative_fn="finite-difference")).train()
    assert resampled(mixed(), requested={"forces"})["forces"].requires_grad


def test_a_users_derivative_must_stay_on_the_graph():
    def once(energy, data, requested):
        return energy_derivatives(energy, data, requested)

    def twice(energy, data, requested):
        return energy_derivatives(energy, data, requested, create_graph=True)

    pipe = pipeline(autograd(Gaussians(), derivative_fn=once))
    assert pipe(mixed(), requested={"forces"})["forces"].grad_fn is None
    with pytest.raises(DerivativeError, match="create_graph=True"):
        pipe.train()(mixed(), requested={"forces"})
    model = Gaussians()
    right = pipeline(autograd(model, derivative_fn=twice))
    expected = slope(right, mixed(), model.strength)
    loss_of(right.train()(mixed(), requested=ALL)).backward()
    torch.testing.assert_close(model.strength.grad, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("training", [True, False])
def test_no_grad_detaches_in_every_mode(training):
    pipe = pipeline(autograd(Gaussians())).train(training)
    with torch.no_grad():
        out = pipe(mixed(), requested=ALL)
    assert not any(value.requires_grad for value in out.values())


def test_a_model_that_requires_no_grad_still_gives_forces():
    model = Gaussians().requires_grad_(False)
    trained = pipeline(autograd(model)).train()(mixed(), requested=ALL)
    evaluated = pipeline(autograd(model))(mixed(), requested=ALL)
    torch.testing.assert_close(trained["forces"], evaluated["forces"])


@pytest.mark.parametrize("options", [GRAPH, FD])
def test_charges_of_the_batch_are_reached_by_a_loss(options):
    q = torch.linspace(-0.3, 0.2, 5, dtype=torch.float64).requires_grad_()
    from alchemi_core.topology import PipelineGroup

    pipe = pipeline(PipelineGroup([Coulomb(), Gaussians()], **options)).train()

    def loss(charges):
        return pipe(mixed().with_fields(charges=charges), requested={"forces"})["forces"].square().sum()

    assert torch.autograd.gradcheck(loss, (q,), eps=1e-6, atol=1e-6, rtol=1e-4)


def test_forces_of_a_molecule_train_too():
    model = Gaussians()
    pipe = pipeline(autograd(model)).train()
    pipe(batch_of(water()), requested={"forces"})["forces"].square().sum().backward()
    assert model.strength.grad.abs() > 0
