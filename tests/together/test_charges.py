"""Charges that a model predicts, a lattice sum over them, dispersion beside: every derivative is complete."""

import numpy as np
import pytest
import torch
from alchemi_aimnet2.testing import save_random_checkpoint
from ase import Atoms
from ase.build import molecule
from support.differences import assert_consistent, derivatives

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, PipelineStep, create_model
from alchemi_core.errors import CutGradientError, DoubleCountingError

pytestmark = pytest.mark.usefixtures("prints")  # Warp says on stderr that there is no CUDA driver

DERIVATIVES = ("forces", "stress")
SHEAR = np.array([[1.0, 0.1, 0.0], [0.0, 1.05, -0.15], [0.05, 0.0, 0.95]])


def cluster(molecules, edge, seed):
    """Water molecules on a grid, turned at random, in a skewed periodic box."""
    turns = np.random.default_rng(seed)
    atoms = Atoms(cell=[edge] * 3, pbc=True)
    for place in range(molecules):
        water = molecule("H2O")
        water.rotate(turns.uniform(0, 360), turns.normal(size=3))
        water.translate(3.1 * np.array(np.unravel_index(place, (2, 2, 2))) + 1.0)
        atoms += water
    atoms.set_cell(atoms.cell.array @ SHEAR, scale_atoms=True)
    atoms.rattle(0.03, seed=seed)
    return atoms


@pytest.fixture(scope="module")
def waters():
    # chosen so that no pair passes the cutoff of D3's coordination numbers, which is sharp, within a difference
    return [cluster(1, 5.0, seed=4), cluster(2, 7.0, seed=14)]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return str(save_random_checkpoint(tmp_path_factory.mktemp("checkpoints") / "small.pt", seed=3))


@pytest.fixture(scope="module")
def charge_models(checkpoint):
    aimnet2 = create_model("aimnet2", checkpoint=checkpoint, coulomb=False, dispersion=False, dtype="float64")
    return {"eeq": create_model("eeq"), "aimnet2": aimnet2}


def summed(name, *, hybrid):
    """A sum whose dropped terms, which come and go as cells are strained, are below what differences resolve."""
    return create_model(name, hybrid_forces=hybrid, accuracy=1e-9)


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside D3"])
@pytest.mark.parametrize("hybrid", [True, False], ids=["hybrid", "autograd"])
@pytest.mark.parametrize("name", ["eeq", "aimnet2"])
def test_derivatives_carry_the_charges(charge_models, smooth_d3, waters, name, hybrid, beside):
    chain = PipelineGroup(steps=[charge_models[name], summed("ewald", hybrid=hybrid)], use_autograd=True)
    groups = [chain, PipelineGroup(steps=[smooth_d3])] if beside else [chain]
    assert_consistent(PipelineModelWrapper(groups), Batch.from_ase(waters), DERIVATIVES)


@pytest.mark.parametrize("name", ["eeq", "aimnet2"])
def test_both_ways_are_one(charge_models, waters, name):
    batch = Batch.from_ase(waters)
    one, other = (
        PipelineModelWrapper([PipelineGroup([charge_models[name], summed("pme", hybrid=hybrid)], use_autograd=True)])(
            batch, requested={"energy", *DERIVATIVES}
        )
        for hybrid in (True, False)
    )
    for quantity in ("energy", *DERIVATIVES):
        torch.testing.assert_close(one[quantity], other[quantity], rtol=1e-9, atol=1e-9)


def missing(pipe, batch):
    """Largest part of the forces and stress that a pipeline lacks, relative to the largest component."""
    out = pipe(batch, requested={"energy", *DERIVATIVES})
    expected = derivatives(lambda other: pipe(other, requested={"energy"})["energy"], batch, DERIVATIVES)
    return {name: float((out[name] - value).abs().max() / value.abs().max()) for name, value in expected.items()}


@pytest.mark.parametrize("name", ["eeq", "aimnet2"])
@pytest.mark.parametrize("hybrid", [True, False], ids=["hybrid", "autograd"])
def test_without_the_chain_rule_much_is_missing(charge_models, waters, name, hybrid):
    """What the tests above would let through if the charges were taken as fixed: far more than their tolerance."""
    batch, model = Batch.from_ase(waters), charge_models[name]
    lacks = {}
    for detach in (False, True):
        steps = [PipelineStep(model, detach=detach), summed("ewald", hybrid=hybrid)]
        lacks[detach] = missing(PipelineModelWrapper([PipelineGroup(steps, use_autograd=True)]), batch)
    assert max(lacks[False].values()) < 1e-6, lacks
    assert min(lacks[True].values()) > 1e-2, f"fixed charges cost only {lacks[True]}"


def test_a_group_without_autograd_is_refused(charge_models):
    with pytest.raises(CutGradientError, match="dcharges"):
        _ = PipelineModelWrapper([PipelineGroup([charge_models["eeq"], create_model("ewald")])]).plan


def test_a_plan_of_the_motivating_pipeline(charge_models, d3):
    pipe = PipelineModelWrapper(
        [
            PipelineGroup(steps=[charge_models["aimnet2"], create_model("ewald")], use_autograd=True),
            PipelineGroup(steps=[d3]),
        ]
    )
    printed = str(pipe.plan)
    assert "charges←[0]" in printed
    assert "energy = [0] + [1] + [2]" in printed
    assert "forces = −d([0])/dr − (∂[1]/∂charges)(dcharges/dr) + [1] + [2]" in printed


@pytest.mark.parametrize(
    ("without", "left"),
    [({}, ["dispersion", "coulomb"]), ({"coulomb": False}, ["dispersion"]), ({"dispersion": False}, ["coulomb"])],
)
def test_what_the_checkpoint_contains_is_not_added_again(checkpoint, d3, without, left):
    """The whole published energy has Coulomb and D3 in it; each is switched off to be replaced."""
    model = create_model("aimnet2", checkpoint=checkpoint, **without)
    pipe = PipelineModelWrapper([PipelineGroup([model, create_model("ewald")], use_autograd=True), PipelineGroup([d3])])
    with pytest.raises(DoubleCountingError) as caught:
        _ = pipe.plan
    assert sorted(part.split()[0] for part in caught.value.found.split("; ") if "counted twice" in part) == sorted(left)
    assert all(f"{name}=False leaves it out" in caught.value.found for name in left)


def test_dispersion_is_for_the_functional_of_the_checkpoint(tmp_path, d3):
    path = save_random_checkpoint(tmp_path / "known.pt", family="wb97m-d3")
    model = create_model("aimnet2", checkpoint=str(path), coulomb=False, dispersion=False)
    with pytest.raises(DoubleCountingError, match="fitted to wB97M-D3"):
        _ = (model + d3).plan
    assert (model + create_model("dftd3", functional="wb97m")).plan
