"""Forces and stress against central differences; gradients of a loss on forces against differences of weights."""

import pytest
import torch
from ase.build import molecule

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model
from alchemi_core.derivatives.finite_difference import FiniteDifference

DERIVATIVES = {"energy", "forces", "stress"}


@pytest.fixture(scope="module", params=["0.3.0", "0.2.0"])
def model(request):
    return create_model("chgnet", checkpoint=request.param).double()


def pipeline(model, derivative_fn=None):
    return PipelineModelWrapper(groups=[PipelineGroup([model], use_autograd=True, derivative_fn=derivative_fn)])


def test_central_differences(model, structures):
    batch = Batch.from_ase([structures["skewed diamond"], structures["perovskite"], molecule("H2O")])
    out = pipeline(model)(batch, requested=DERIVATIVES)
    expected = pipeline(model, FiniteDifference(2e-5))(batch, requested=DERIVATIVES)
    for name in ("forces", "stress"):
        known = expected[name].isfinite()
        scale = expected[name][known].abs().max()
        assert torch.equal(known, out[name].isfinite())
        torch.testing.assert_close(out[name][known], expected[name][known], rtol=1e-6, atol=1e-6 * scale.item())


def test_a_direct_group_gives_the_same_energy(model, structures):
    batch = Batch.from_ase([structures["slab"], molecule("H2O")])
    direct = PipelineModelWrapper(groups=[PipelineGroup([model])])(batch, requested={"energy", "magmoms"})
    graph = pipeline(model)(batch, requested={"energy", "forces", "magmoms"})
    for name in ("energy", "magmoms"):
        torch.testing.assert_close(direct[name], graph[name], rtol=1e-12, atol=1e-12)


def test_sums_of_models(structures):
    first, second = create_model("chgnet").double(), create_model("chgnet", checkpoint="r2scan").double()
    batch = Batch.from_ase(structures["perovskite"])
    total = (0.25 * first + 0.75 * second)(batch, requested=DERIVATIVES)
    parts = [pipeline(one)(batch, requested=DERIVATIVES) for one in (first, second)]
    for name in DERIVATIVES:
        expected = 0.25 * parts[0][name] + 0.75 * parts[1][name]
        torch.testing.assert_close(total[name], expected, rtol=1e-10, atol=1e-12)


def test_a_loss_on_forces_reaches_the_weights(structures):
    model = create_model("chgnet").double()
    pipe, batch = pipeline(model).train(), Batch.from_ase(structures["skewed diamond"])

    def loss():
        return pipe(batch, requested={"forces"})["forces"].square().sum()

    loss().backward()
    for weight in (model.network.bond_embedding.weight, model.network.mlp.layers[0].weight):
        place = tuple((weight.grad.abs() == weight.grad.abs().max()).nonzero()[0].tolist())
        ends = []
        for step in (1e-5, -2e-5):
            with torch.no_grad():
                weight[place] += step
            ends.append(loss().item())
        with torch.no_grad():
            weight[place] += 1e-5
        assert weight.grad[place].item() == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-5)


def test_reference_energies_are_not_trained():
    model = create_model("chgnet")
    fixed = [name for name, one in model.named_parameters() if not one.requires_grad]
    assert fixed == ["network.composition_model.fc.weight"]
