"""Forces and stress are derivatives of the energy, and derivatives of forces those of forces."""

import copy

import pytest
import torch

from alchemi_core import Batch
from alchemi_core.derivatives.finite_difference import FiniteDifference


def richardson(coarse, fine):
    """Combine central differences with steps h and h / 2: the error is then of fourth order."""
    return (4 * fine - coarse) / 3


def relative(value, reference):
    keep = ~torch.isnan(reference)
    return float((value - reference)[keep].abs().max() / reference[keep].abs().max())


@pytest.fixture
def double(model):
    return copy.deepcopy(model).double()


@pytest.fixture
def batch(structures):
    return Batch.from_ase([structures[name] for name in ("skewed diamond", "molecule", "outside its cell")])


def test_forces_and_stress(double, batch, pipeline):
    out = pipeline(double)(batch, {"forces", "stress"})
    coarse, fine = (pipeline(double, FiniteDifference(step))(batch, {"forces", "stress"}) for step in (1e-3, 5e-4))
    for name in ("forces", "stress"):
        assert relative(out[name], richardson(coarse[name], fine[name])) < 1e-6, name


def test_the_same_in_training(double, batch, pipeline):
    """There the first derivatives are taken in another way, so that they can be differentiated again."""
    expected = pipeline(double)(batch, {"forces", "stress"})
    found = pipeline(double).train()(batch, {"forces", "stress"})
    for name in ("forces", "stress"):
        assert found[name].requires_grad
        assert relative(found[name].detach(), expected[name]) < 1e-12, name


def loss(double, batch, pipeline):
    """Of forces and stress of the first system, on the graph."""
    out = pipeline(double).train()(batch, {"forces", "stress"})
    return out["forces"].square().sum() + 10 * out["stress"][0].square().sum()


@pytest.mark.parametrize(
    "name",
    [
        "layers.0_convolution.weight_nn.layer2.weight",
        "layers.1_convolution.weight_nn.layer0.weight",
        "layers.2_convolution.weight_nn.layer2.weight",
        "layers.0_self_interaction_1.linear.weight",
    ],
)
def test_training_on_forces_reaches_weights(double, batch, pipeline, name):
    weight = double.network.get_parameter(name)
    loss(double, batch, pipeline).backward()
    place = int(weight.grad.abs().argmax())
    assert float(weight.grad.abs().max()) > 0

    def difference(step):
        values = []
        for change in (step, -2 * step, step):
            with torch.no_grad():
                weight.view(-1)[place] += change
            values.append(loss(double, batch, pipeline).item())
        return (values[0] - values[1]) / (2 * step)

    expected = richardson(difference(2e-4), difference(1e-4))
    assert float(weight.grad.view(-1)[place]) == pytest.approx(expected, rel=1e-6)


def test_hessian(double, structures, pipeline):
    """One row by double backward against differences of forces."""
    pipe = pipeline(double).train()
    atoms = structures["molecule"]
    positions = torch.tensor(atoms.positions, requires_grad=True)
    forces = pipe(Batch.from_ase(atoms).with_fields(positions=positions), {"forces"})["forces"]
    (row,) = torch.autograd.grad(forces[0, 2], positions)

    def difference(step):
        columns = torch.eye(9, dtype=torch.float64).view(9, 3, 3) * step
        batches = (Batch.from_ase(atoms).with_fields(positions=positions.detach() + s) for s in (*columns, *-columns))
        values = torch.stack([pipe.eval()(one, {"forces"})["forces"][0, 2] for one in batches]).view(2, 3, 3)
        return (values[0] - values[1]) / (2 * step)

    assert relative(row, richardson(difference(1e-3), difference(5e-4))) < 1e-6


def test_energy_alone_reaches_weights(double, batch, pipeline):
    energy = pipeline(double).train()(batch, {"energy"})["energy"].sum()
    energy.backward()
    missing = [name for name, one in double.named_parameters() if one.requires_grad and one.grad is None]
    assert missing == []
