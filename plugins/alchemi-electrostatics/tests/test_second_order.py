"""The graph goes on: second derivatives, and training through forces."""

import pytest
import torch
from alchemi_electrostatics import reciprocal_space, splines
from alchemi_electrostatics.frame import Frame

from alchemi_core import PipelineGroup, PipelineModelWrapper, create_model
from alchemi_core.errors import PlanningError

from .ions import SKEWED, Transfer, charges_of, gas
from .running import with_charges

MODELS = pytest.mark.parametrize("name", ["ewald", "pme"])


class Trained(Transfer, torch.nn.Module):
    """Charges that are scaled by a parameter."""

    def __init__(self):
        torch.nn.Module.__init__(self)
        Transfer.__init__(self)
        self.scale = torch.nn.Parameter(torch.tensor(1.1, dtype=torch.float64))

    def compute(self, view, requested):
        return {"charges": self.scale * super().compute(view, requested)["charges"] * view.positions[:, 0].cos()}


def frame_of(positions, charges, cell, periods, pairs):
    return Frame(
        positions=positions,
        charges=charges,
        cell=cell,
        batch_idx=torch.zeros(len(charges), dtype=torch.int64),
        ptr=(0, len(charges)),
        periods=(periods,),
        pairs=pairs,
    )


@pytest.mark.parametrize("pieces", [False, True], ids=["whole", "in pieces"])
@pytest.mark.parametrize("pbc", [(True, True, True), (True, False, True), (False, False, False)])
@MODELS
def test_second_derivatives(name, pbc, pieces, monkeypatch):
    """By positions, charges and cell, mixed ones too; also where terms are made in several pieces."""
    if pieces:
        monkeypatch.setattr(reciprocal_space, "BLOCK", 1)
        monkeypatch.setattr(splines, "ATOMS", 2)
    atoms = gas(3, cell=0.7 * SKEWED, pbc=pbc, seed=20)
    batch = with_charges(atoms, [0.9, -1.2, 0.7])
    options = {"mesh_spacing": 0.8} if name == "pme" else {}
    model = create_model(name, accuracy=1e-3, cutoff=3.0, hybrid_forces=False, **options)

    pairs = half_list(batch, 3.0)

    def energy(positions, charges, cell):
        return model.energies(frame_of(positions, charges, cell, pbc, pairs))

    inputs = [t.clone().requires_grad_() for t in (batch.positions, batch.fields["charges"], batch.cell)]
    assert torch.autograd.gradcheck(energy, inputs, eps=1e-5, atol=1e-6)
    assert torch.autograd.gradgradcheck(energy, inputs, eps=1e-5, atol=1e-5)


def half_list(batch, cutoff):
    from alchemi_core.neighbors.building import build
    from alchemi_core.neighbors.halves import to_half

    return to_half(build(batch, cutoff, 0.0))


@MODELS
def test_loss_on_forces_reaches_the_parameters(name):
    batch = with_charges(gas(6, seed=21), [0.0] * 6)
    charges = Trained()
    steps = [charges, create_model(name, hybrid_forces=False)]
    pipe = PipelineModelWrapper(groups=[PipelineGroup(steps, use_autograd=True)]).train()

    def loss():
        out = pipe(batch, {"energy", "forces", "stress"})
        return out["forces"].square().sum() + out["energy"].square().sum() + out["stress"].square().sum()

    (slope,) = torch.autograd.grad(loss(), [charges.scale])
    step, ends = 1e-4, []
    for sign in (1.0, -1.0):
        with torch.no_grad():
            charges.scale += sign * step
            ends.append(loss().item())
            charges.scale -= sign * step
    assert slope.item() == pytest.approx((ends[0] - ends[1]) / (2.0 * step), rel=1e-6)


@MODELS
def test_training_through_hybrid_forces_is_refused(name):
    batch = with_charges(gas(6, seed=21), [0.0] * 6)
    steps = [Trained(), create_model(name, hybrid_forces=True)]
    pipe = PipelineModelWrapper(groups=[PipelineGroup(steps, use_autograd=True)]).train()
    with pytest.raises(PlanningError, match="detached"):
        pipe(batch, {"energy", "forces"})


@MODELS
def test_training_on_energies_alone_needs_no_graph_of_the_geometry(name):
    batch = with_charges(gas(6, seed=21), charges_of(gas(6, seed=21)))
    slopes = []
    for hybrid in (True, False):
        charges = Trained()
        steps = [charges, create_model(name, hybrid_forces=hybrid)]
        pipe = PipelineModelWrapper(groups=[PipelineGroup(steps, use_autograd=True)]).train()
        slopes.append(torch.autograd.grad(pipe(batch, {"energy"})["energy"].sum(), [charges.scale])[0])
    torch.testing.assert_close(slopes[0], slopes[1], rtol=1e-10, atol=0.0)
