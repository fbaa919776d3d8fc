"""Real models composed: derivatives against central differences of the energy, in every grouping."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from ase.build import bulk
from ase.calculators.mixing import SumCalculator

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model
from alchemi_core.derivatives.finite_difference import FiniteDifference

# SevenNet and CHGNet are shipped in float32; moved to float64 they differentiate to its precision. CHGNet's curvature
# is large, so the step must be small for the error of second order to be.
STEP = 1e-5
TOLERANCE = 1e-6


def direct(*models):
    return PipelineModelWrapper(groups=[PipelineGroup([model]) for model in models])


def autograd(*models):
    return PipelineModelWrapper(groups=[PipelineGroup(models, use_autograd=True)])


def mixed_groups(*models):
    first, *rest = models
    return PipelineModelWrapper(groups=[PipelineGroup([first], use_autograd=True), PipelineGroup(rest)])


def differences(*models, step):
    group = PipelineGroup(models, use_autograd=True, derivative_fn=FiniteDifference(step))
    return PipelineModelWrapper(groups=[group])


def relative(value, reference):
    keep = ~torch.isnan(reference)
    return float((value - reference)[keep].abs().max() / reference[keep].abs().max())


@pytest.mark.parametrize("name", ["sevennet", "chgnet"])
def test_forces_and_stress_are_derivatives_of_the_energy(learned, smooth_d3, mixed, name):
    model = copy.deepcopy(learned[name]).double()
    reference = differences(model, smooth_d3, step=STEP)(mixed)
    for grouping in (direct, autograd, mixed_groups):
        out = grouping(model, smooth_d3)(mixed)
        for quantity in ("forces", "stress"):
            assert relative(out[quantity], reference[quantity]) < TOLERANCE, (grouping.__name__, quantity)


def test_lennard_jones_with_dispersion_in_every_grouping(smooth_d3, mixed):
    lj = create_model("lennard-jones", epsilon=0.05, sigma=2.2, cutoff=6.0)
    reference = differences(lj, smooth_d3, step=STEP)(mixed)
    for grouping in (direct, autograd, mixed_groups):
        out = grouping(lj, smooth_d3)(mixed)
        for quantity in ("forces", "stress"):
            assert relative(out[quantity], reference[quantity]) < TOLERANCE, (grouping.__name__, quantity)


@pytest.mark.parametrize("grouping", [direct, autograd, mixed_groups])
def test_groupings_agree_and_batches_equal_single_systems(learned, d3, mixed, grouping):
    pipe = grouping(learned["sevennet"], learned["chgnet"], d3)
    wanted = {"energy", "forces", "stress"}
    out, other = pipe(mixed, wanted), direct(d3, learned["chgnet"], learned["sevennet"])(mixed, wanted)
    for quantity in wanted:
        torch.testing.assert_close(out[quantity], other[quantity], rtol=1e-5, atol=2e-5, equal_nan=True)
    alone = [pipe(mixed[i].to_batch(), {"energy", "forces"}) for i in range(len(mixed))]
    torch.testing.assert_close(torch.cat([o["energy"] for o in alone]), out["energy"], rtol=1e-6, atol=1e-5)
    torch.testing.assert_close(torch.cat([o["forces"] for o in alone]), out["forces"], rtol=1e-5, atol=2e-5)


@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad")  # chgnet's own calculator does that
@pytest.mark.parametrize("name", ["sevennet", "chgnet"])
def test_equals_ase_sum_of_the_packages_own_calculators(learned, d3, name, peers):
    atoms = bulk("NaCl", "rocksalt", a=5.6, cubic=True)
    atoms.rattle(0.1, seed=5)
    other = atoms.copy()
    atoms.calc = (learned[name] + d3).as_ase()
    other.calc = SumCalculator([peers[name], peers["dftd3"]])
    assert atoms.get_potential_energy() == pytest.approx(other.get_potential_energy(), rel=1e-6)
    np.testing.assert_allclose(atoms.get_forces(), other.get_forces(), atol=2e-5)
    np.testing.assert_allclose(atoms.get_stress(), other.get_stress(), atol=2e-6)


def test_saved_pipeline_is_rebuilt_without_the_users_code(learned, d3, mixed, tmp_path):
    from alchemi_core import load_pipeline

    pipe = mixed_groups(learned["sevennet"], 0.5 * learned["chgnet"], d3)
    pipe.save(tmp_path / "p.alchemi")
    same = load_pipeline(tmp_path / "p.alchemi")
    assert str(same.plan_for({"energy", "forces"})) == str(pipe.plan_for({"energy", "forces"}))
    for quantity, value in pipe(mixed, {"energy", "forces"}).items():
        assert torch.equal(same(mixed, {"energy", "forces"})[quantity], value)


def test_graphite_contracts_to_the_measured_distance_with_dispersion(learned, d3):
    from ase.filters import FrechetCellFilter
    from ase.io import read
    from ase.optimize import BFGS

    atoms = read("examples/graphite.cif")
    atoms.calc = (learned["sevennet"] + d3).as_ase()
    assert BFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=0.005, steps=60)
    a, _, c = atoms.cell.lengths()
    assert a == pytest.approx(2.46, abs=0.01)  # measured: 2.461 Å
    assert c == pytest.approx(6.71, abs=0.1)  # measured: 6.708 Å, Baskin and Meyer, Phys. Rev. 100, 544 (1955)


def test_batch_of_float32_positions(learned, d3, mixed):
    pipe = autograd(learned["sevennet"], d3)
    single, double = pipe(mixed.to(dtype=torch.float32)), pipe(mixed)
    assert single["forces"].dtype == torch.float32
    torch.testing.assert_close(single["energy"].double(), double["energy"], rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(single["forces"].double(), double["forces"], rtol=1e-3, atol=1e-3)


def test_batch_is_left_alone(learned, d3, mixed):
    before = mixed.positions.clone()
    autograd(learned["sevennet"], d3)(mixed)
    assert torch.equal(mixed.positions, before)
    assert not mixed.positions.requires_grad
    assert isinstance(mixed, Batch)
    assert mixed.neighbors == ()
