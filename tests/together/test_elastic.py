"""Elastic constants of salt from a learned potential, and of argon with dispersion, by the two methods."""

import copy
import sys

import numpy as np
import pytest
import torch
from ase.build import bulk
from scipy.optimize import brentq

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, PipelineStep, create_model, differentiate

pytestmark = pytest.mark.usefixtures("prints")  # Warp says on stderr that there is no CUDA driver

MEASURED = {"C11": 57.5, "C12": 9.86, "C44": 13.27}
"""GPa, extrapolated to 0 K: W. C. Overton and R. T. Swim, Phys. Rev. 84, 758 (1951), doi:10.1103/PhysRev.84.758."""

CLAMPED = {"clamped_elastic_tensor"}
BOTH = {"elastic_tensor", *CLAMPED}


def pressure(pipe, edge):
    return -pipe(Batch.from_ase(bulk("NaCl", "rocksalt", a=edge)), requested={"stress"})["stress"][0, 0, 0].item()


@pytest.fixture(scope="module")
def salt(learned):
    """SevenNet in float64, and its rock salt at rest."""
    model = copy.deepcopy(learned["sevennet"]).double()
    pipe = PipelineModelWrapper([PipelineGroup([model], use_autograd=True)])
    return model, brentq(lambda edge: pressure(pipe, edge), 5.4, 5.9, xtol=1e-7)


def test_salt_is_near_experiment(salt, capsys):
    model, edge = salt
    crystal = bulk("NaCl", "rocksalt", a=edge)
    out = differentiate(model, "elastic")(Batch.from_ase(crystal), requested=BOTH)
    found = out["elastic_tensor"][0].numpy()
    shown = {"C11": found[0, 0], "C12": found[0, 1], "C44": found[3, 3]}
    figures = ", ".join(f"{name} {value:.1f} ({MEASURED[name]:.1f} measured)" for name, value in shown.items())
    with capsys.disabled():
        sys.stdout.write(f"\nNaCl by sevennet, a = {edge:.4f} Å: {figures} GPa\n")
    for name, value in shown.items():
        assert value == pytest.approx(MEASURED[name], rel=0.5), name
    # cubic, and with inversion at every ion nothing relaxes
    torch.testing.assert_close(out["elastic_tensor"], out["clamped_elastic_tensor"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(found[[1, 2, 4, 5], [1, 2, 4, 5]], found[[0, 0, 3, 3], [0, 0, 3, 3]], rtol=0, atol=1e-5)
    np.testing.assert_allclose(found[:3, 3:], 0.0, rtol=0, atol=1e-5)


def test_salt_by_differences_of_forces_is_the_same(salt):
    model, edge = salt
    batch = Batch.from_ase(bulk("NaCl", "rocksalt", a=edge))
    exact, sampled = (
        differentiate(model, "elastic", **options)(batch, requested=BOTH) for options in ({}, {"method": "differences"})
    )
    for name in BOTH:
        torch.testing.assert_close(sampled[name], exact[name], rtol=0, atol=0.01)


def test_argon_with_dispersion_is_the_sum_of_both(smooth_d3):
    """One is differentiated, the other reports: only differences give the constants of their sum."""
    repulsion = create_model("lennard-jones", cutoff=8.0, switch_on=6.0)
    crystal = Batch.from_ase(bulk("Ar", "hcp", a=3.7))
    options = {"method": "differences", "step": 1e-3}
    found = differentiate(repulsion + smooth_d3, "elastic", **options)(crystal, requested=BOTH)
    clamped = differentiate(repulsion, "elastic")(crystal, requested=BOTH)["clamped_elastic_tensor"]
    assert (found["clamped_elastic_tensor"] - clamped).abs().max() > 0.5, "dispersion does nothing"
    for strain in ((0, 0), (2, 2), (3, 3)):
        expected = by_energies(repulsion + smooth_d3, crystal, strain[0], 5e-3)
        assert found["clamped_elastic_tensor"][0][strain].item() == pytest.approx(expected, abs=0.02)


def test_charges_that_follow_the_strain_count():
    """Magnesia in the wurtzite structure, whose charges are predicted and read by a lattice sum."""
    ions = {"Mg-O": {"A": 821.6, "rho": 0.3242}, "O-O": {"A": 22764.3, "rho": 0.149, "C": 27.88}}
    short = create_model("buckingham", pairs=ions, non_interacting="Mg-Mg", cutoff=10.0, switch_on=8.0)
    crystal = Batch.from_ase(bulk("MgO", "wurtzite", a=3.3, c=5.1, u=0.39))
    steps = [create_model("eeq"), create_model("ewald", hybrid_forces=False), short]
    composed = PipelineModelWrapper([PipelineGroup(steps, use_autograd=True)])
    exact, sampled = (
        differentiate(composed, "elastic", **options)(crystal, requested=BOTH)
        for options in ({}, {"method": "differences", "step": 1e-4})
    )
    for name in BOTH:
        torch.testing.assert_close(sampled[name], exact[name], rtol=0, atol=1e-3)
    # at fixed charges it is another crystal
    fixed = PipelineModelWrapper([PipelineGroup([PipelineStep(steps[0], detach=True), *steps[1:]], use_autograd=True)])
    clamped = [
        differentiate(fixed, "elastic", **options)(crystal, requested=CLAMPED)["clamped_elastic_tensor"]
        for options in ({}, {"method": "differences", "step": 1e-4, "max_atoms": 1})
    ]
    torch.testing.assert_close(*clamped, rtol=0, atol=1e-3)
    assert (clamped[0] - exact["clamped_elastic_tensor"]).abs().max() > 1.0, "charges do not matter"


def by_energies(model, batch, index, step):
    """(1/V) d²E/dη² in GPa along one Lagrangian strain."""
    i, j = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))[index]
    pipe, energies = PipelineModelWrapper([PipelineGroup([model], use_autograd=True)]), []
    for size in (-step, 0.0, step):
        strain = torch.zeros(3, 3, dtype=torch.float64)
        strain[i, j] += 0.5 * size
        strain[j, i] += 0.5 * size
        values, vectors = torch.linalg.eigh(torch.eye(3, dtype=torch.float64) + 2.0 * strain)
        stretch = vectors @ torch.diag(values.sqrt()) @ vectors.mT
        moved = batch.with_fields(positions=batch.positions @ stretch, cell=batch.cell @ stretch)
        energies.append(pipe(moved, requested={"energy"})["energy"].item())
    curvature = (energies[0] - 2.0 * energies[1] + energies[2]) / step**2
    return curvature / batch.cell[0].det().abs().item() * 160.2176634
