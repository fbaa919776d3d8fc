"""Forces and stress are derivatives of the energy, through charges too, and derivatives of forces those of forces."""

import pytest
import torch

from alchemi_core import Batch, PipelineModelWrapper
from alchemi_core.derivatives.finite_difference import FiniteDifference

STEPS = (2e-3, 1e-3)


def richardson(coarse, fine):
    """Combine central differences with steps h and h / 2: the error is then of fourth order."""
    return (4 * fine - coarse) / 3


def relative(value, reference):
    keep = ~torch.isnan(reference)
    return float((value - reference)[keep].abs().max() / reference[keep].abs().max())


def differences(pipeline, models, batch, names):
    return [pipeline(*models, derivative_fn=FiniteDifference(step))(batch, set(names)) for step in STEPS]


def check(pipeline, models, batch, *names, tolerance=1e-6):
    out = pipeline(*models)(batch, set(names))
    coarse, fine = differences(pipeline, models, batch, names)
    for name in names:
        assert relative(out[name], richardson(coarse[name], fine[name])) < tolerance, name


@pytest.mark.parametrize("kind", ["full", "open shell"])
@pytest.mark.parametrize("name", ["ethanol", "far apart"])
def test_forces_of_molecules(molecules, pipeline, make, batches, kind, name):
    check(pipeline, [make(kind)], batches(molecules[name], total_charge=[1.0]), "forces")


@pytest.mark.parametrize("options", [{"coulomb": "dsf", "dsf_cutoff": 9.0}, {"coulomb": False}])
def test_forces_and_stress(crystals, molecules, pipeline, make, batches, options):
    given = [crystals["one molecule among images"], molecules["ethanol"], crystals["boxed molecule"]]
    batch = batches(given, total_charge=[1.0, -1.0, 0.0])
    check(pipeline, [make(**options, dispersion=False)], batch, "forces", "stress")


def test_forces_and_stress_with_d3(crystals, pipeline, make, batches):
    """Coordination numbers of D3 end abruptly at 15 Å: the energy has steps of 3e-9 eV, which differences of it see."""
    batch = batches(crystals["one molecule among images"])
    check(pipeline, [make(coulomb=False)], batch, "forces", "stress", tolerance=5e-5)


def test_slab(thin_slab, pipeline, make, batches):
    batch = batches(thin_slab)
    check(pipeline, [make(coulomb=False, dispersion=False)], batch, "forces", "stress")


def test_charges_reach_forces_of_another_step(crystals, pipeline, make, yukawa, batches):
    models = [make(coulomb=False, dispersion=False), yukawa]
    batch = batches([crystals["one molecule among images"], crystals["boxed molecule"]], total_charge=[0.0, 1.0])
    check(pipeline, models, batch, "forces", "stress")


def test_without_their_chain_rule_forces_are_wrong(crystals, pipeline, make, yukawa, batches):
    """The charges do depend on positions: cut off, they leave forces that differ from differences of the energy."""
    aimnet2, batch = make(coulomb=False, dispersion=False), batches(crystals["ice"])
    charges = pipeline(aimnet2)(batch, {"charges"})["charges"]
    fixed = pipeline(yukawa)(batch.with_fields(charges=charges), {"forces"})["forces"]
    together = pipeline(aimnet2, yukawa)(batch, {"forces"})["forces"]
    alone = pipeline(aimnet2)(batch, {"forces"})["forces"]
    missing = relative(alone + fixed, together)
    assert missing > 1e-3, f"the term left out on purpose is {missing:.1e} of the force"


@pytest.mark.parametrize("kind", ["full", "open shell"])
def test_composed_coulomb_is_the_built_in_one(molecules, pipeline, make, all_pairs, batches, kind):
    """Network without Coulomb, plus all pairs with its charges: energy and forces of the published model."""
    batch = batches(molecules["ethanol"], total_charge=[-1.0])
    full = pipeline(make(kind))(batch, {"energy", "forces"})
    composed = pipeline(make(kind, coulomb=False), all_pairs)(batch, {"energy", "forces"})
    for name in full:  # aimnet's Coulomb constant is of another year
        torch.testing.assert_close(composed[name], full[name], rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("name", ["charges", "spin_charges"])
def test_charges_are_on_the_graph(molecules, pipeline, make, name):
    pipe = pipeline(make("open shell")).train()
    positions = torch.tensor(molecules["water"].positions, requires_grad=True)
    weights = torch.tensor([0.3, -1.0, 2.0], dtype=torch.float64)

    def weighed(at):
        batch = Batch.from_ase(molecules["water"]).with_fields(positions=at)
        batch = batch.with_fields(multiplicity=torch.full((1, 1), 3.0, dtype=torch.float64))
        return (pipe(batch, {name})[name] * weights).sum()

    (gradient,) = torch.autograd.grad(weighed(positions), positions)
    for place in ((0, 2), (1, 1), (2, 0)):
        step = torch.zeros_like(positions)
        step[place] = 1e-4
        difference = (weighed((positions + step).detach()) - weighed((positions - step).detach())) / 2e-4
        assert gradient[place].item() == pytest.approx(difference.item(), rel=1e-5, abs=1e-9)


def test_the_same_in_training(crystals, pipeline, make, batches):
    batch, names = batches(crystals["ice"]), {"forces", "stress"}
    expected = pipeline(make(coulomb="dsf"))(batch, names)
    pipe = pipeline(make(coulomb="dsf")).train()
    found = pipe(batch, names)
    pipe.eval()
    for name in names:
        assert found[name].requires_grad
        assert relative(found[name].detach(), expected[name]) < 1e-11, name


def test_hessian(molecules, pipeline, make):
    """One row by double backward against differences of forces."""
    pipe: PipelineModelWrapper = pipeline(make()).train()
    positions = torch.tensor(molecules["water"].positions, requires_grad=True)

    def forces(at):
        return pipe(Batch.from_ase(molecules["water"]).with_fields(positions=at), {"forces"})["forces"]

    (row,) = torch.autograd.grad(forces(positions)[0, 2], positions)

    def difference(step, place):
        moved = torch.zeros_like(positions)
        moved[place] = step
        return (forces((positions + moved).detach()) - forces((positions - moved).detach()))[0, 2].item() / (2 * step)

    for place in ((0, 0), (1, 2), (2, 1)):
        expected = richardson(difference(1e-3, place), difference(5e-4, place))
        assert row[place].item() == pytest.approx(expected, rel=1e-6, abs=1e-8)
    pipe.eval()


def test_training_on_forces_reaches_weights(molecules, checkpoints, pipeline, batches):
    from alchemi_core import create_model

    model = create_model("aimnet2", checkpoint=checkpoints["full"], dtype="float64")
    pipe, batch = pipeline(model).train(), batches(molecules["water"])

    def loss():
        return pipe(batch, {"forces"})["forces"].square().sum()

    loss().backward()
    weight = model.network.network.mlps[0][0].weight
    place = int(weight.grad.abs().argmax())

    def difference(step):
        values = []
        for change in (step, -2 * step, step):
            with torch.no_grad():
                weight.view(-1)[place] += change
            values.append(loss().item())
        return (values[0] - values[1]) / (2 * step)

    expected = richardson(difference(2e-4), difference(1e-4))
    assert float(weight.grad.view(-1)[place]) == pytest.approx(expected, rel=1e-6)


def test_grad_mode_of_the_caller_does_not_matter(crystals, pipeline, make, batches):
    batch, pipe = batches(crystals["ice"]), pipeline(make(coulomb="dsf"))
    expected = pipe(batch, {"forces", "stress"})
    for mode in (torch.no_grad(), torch.inference_mode()):
        with mode:
            found = pipe(batch, {"forces", "stress"})
        assert all(torch.equal(found[name], expected[name]) for name in expected)
