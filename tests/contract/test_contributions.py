"""What each step adds to each output: the total when nothing else counts, chain rules included."""

import pytest
import torch
from support import byhand, differences
from support.pipelines import FD, autograd, direct, grouped, pipeline
from support.structures import batch_of, mixed, salt, water
from support.toys import ChargeKernel, Charges, Coulomb, Gaussians, HybridCoulomb, Kernel, Shift

from alchemi_core.topology import PipelineStep
from alchemi_core.weights import Coupling

ALL = ("energy", "forces", "stress")
COMPOSITIONS = {
    "one graph": lambda: pipeline(autograd(PipelineStep(Gaussians(), weight=0.5), Gaussians(-0.3, 3.5))),
    "reported beside": lambda: pipeline(autograd(Gaussians()), direct(PipelineStep(Kernel(0.2), weight=-2.0))),
    "charges on the graph": lambda: pipeline(autograd(Charges(), Coulomb(), Gaussians(0.4))),
    "charges for two": lambda: pipeline(autograd(Charges(), Coulomb(), PipelineStep(Coulomb(4.0), weight=0.5))),
    "at fixed charges": lambda: pipeline(autograd(Charges(), HybridCoulomb(), Gaussians(0.4))),
    "detached charges": lambda: pipeline(autograd(PipelineStep(Charges(), detach=True), Coulomb()), direct(Kernel())),
    "reported in autograd": lambda: pipeline(autograd(Kernel(), Gaussians(), Shift())),
    "finite differences": lambda: grouped(([Charges(), ChargeKernel(), Gaussians(0.4)], FD), ([Kernel()], {})),
    "nested": lambda: pipeline(direct(PipelineStep(pipeline(autograd(Charges(), Coulomb())), weight=0.3), Gaussians())),
}


def by_name(outputs):
    found = {}
    for one in outputs.contributions:
        found.setdefault(one.name, []).append(one)
    return found


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_they_add_up_to_the_output(name):
    pipe = COMPOSITIONS[name]()
    plain, out = pipe(mixed(), requested=ALL), pipe(mixed(), requested=ALL, contributions=True)
    assert set(by_name(out)) == set(ALL)
    for output, parts in by_name(out).items():
        total = torch.stack([part.value for part in parts]).sum(0)
        torch.testing.assert_close(total, out[output], rtol=1e-12, atol=1e-14, equal_nan=True)
        torch.testing.assert_close(total, plain[output], rtol=1e-10, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize("name", sorted(set(COMPOSITIONS) - {"detached charges"}))
def test_each_is_the_derivative_of_its_own_energy(name):
    pipe, batch = COMPOSITIONS[name](), batch_of(salt())
    parts = by_name(pipe(batch, requested=ALL, contributions=True))

    def energy(step):
        def of(other):
            found = pipe(other, requested={"energy"}, contributions=True).contributions
            return next(one.value for one in found if one.step == step)

        return of

    nothing = torch.zeros((), dtype=batch.dtype)
    for one in parts["energy"]:
        expected = differences.derivatives(energy(one.step), batch, ("forces", "stress"))
        for other in ("forces", "stress"):
            # A step whose energy depends on nothing adds nothing, and is not listed.
            found = next((part.value for part in parts[other] if part.step == one.step), nothing)
            torch.testing.assert_close(found.expand_as(expected[other]), expected[other], rtol=1e-6, atol=1e-8)


def test_energies_against_those_written_by_hand():
    out = COMPOSITIONS["one graph"]()(mixed(), requested={"energy"}, contributions=True)
    one, two = out.contributions
    assert (one.step, one.label, two.step, two.label) == (0, "gaussians", 1, "gaussians#2")
    torch.testing.assert_close(one.value, 0.5 * byhand.gaussians(mixed()))
    torch.testing.assert_close(two.value, byhand.gaussians(mixed(), -0.3, 3.5))


def test_weights_that_are_functions_are_in_them():
    lam = Coupling()
    pipe = (1 - lam) * Gaussians() + lam * Kernel(-0.3, 3.5)
    batch = mixed().with_fields(coupling=torch.tensor([[0.3], [0.8]], dtype=torch.float64))
    out = pipe(batch, requested=("energy", "forces"), contributions=True)
    each = {(one.step, one.name): one.value for one in out.contributions}
    weight = 1 - batch.fields["coupling"]
    torch.testing.assert_close(each[0, "energy"], weight * byhand.gaussians(batch))
    alone = pipeline(autograd(Gaussians()))(batch, requested={"forces"})["forces"]
    torch.testing.assert_close(each[0, "forces"], weight[batch.batch_idx] * alone)


def test_summed_outputs_that_are_no_derivatives():
    out = pipeline(direct(Charges("a"), Charges("a")), additive_keys={"a"})(mixed(), {"a"}, contributions=True)
    assert [(one.step, one.name) for one in out.contributions] == [(0, "a"), (1, "a")]
    torch.testing.assert_close(sum(one.value for one in out.contributions), out["a"])


def test_what_is_not_summed_has_none():
    out = pipeline(autograd(Charges(), Coulomb()))(mixed(), {"charges", "energy"}, contributions=True)
    assert {one.name for one in out.contributions} == {"energy"}
    torch.testing.assert_close(out["charges"], byhand.charges(mixed()))


def test_models_are_asked_no_more_than_parts_need():
    charges, coulomb, other = Charges(), Coulomb(), Gaussians()
    pipeline(autograd(charges, coulomb, other))(mixed(), {"forces"}, contributions=True)
    assert len(charges.calls) == 1  # it feeds one part


def test_molecules_have_no_stress_and_say_so():
    out = COMPOSITIONS["one graph"]()(batch_of(water()), contributions=True)
    assert set(by_name(out)) == {"energy", "forces"}


def test_in_training_they_stay_on_the_graph():
    pipe = COMPOSITIONS["charges on the graph"]().train()
    out = pipe(mixed(), requested=("energy", "forces"), contributions=True)
    plain = pipe(mixed(), requested=("energy", "forces"))
    parameters = [one for one in pipe.parameters() if one.requires_grad]
    loss = sum(one.value.square().sum() for one in out.contributions if one.name == "forces")
    grads = torch.autograd.grad(loss, parameters, allow_unused=True, retain_graph=True)
    assert all(grad is not None for grad in grads)
    for found, expected in zip(
        torch.autograd.grad(out["forces"].square().sum(), parameters),
        torch.autograd.grad(plain["forces"].square().sum(), parameters),
        strict=True,
    ):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
