"""Forces and stress against central differences of the energy, with charges that stay and with charges that follow."""

import pytest
import torch
from ase import Atoms
from ase.build import molecule

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, PipelineStep, create_model

from .ions import SKEWED, Transfer, charges_of, gas
from .running import with_charges

WANTED = {"energy", "forces", "stress"}

TIGHT = {"ewald": {}, "pme": {}}
MODELS = pytest.mark.parametrize("name", ["ewald", "pme"])
HYBRID = pytest.mark.parametrize("hybrid", [True, False], ids=["hybrid", "graph"])


def systems():
    """A charged crystal, two slabs, a molecule without and one with a cell, and a left-handed crystal."""
    return [
        gas(8, seed=1),
        gas(6, pbc=(True, True, False), seed=2),
        molecule("NaCl", cell=[9.0, 9.0, 9.0]),
        gas(6, pbc=(False, True, True), seed=3),
        gas(5, cell=SKEWED[[1, 0, 2]], seed=4),
        molecule("LiF"),
    ]


def sampled(steps):
    group = PipelineGroup(steps, use_autograd=True, derivative_fn="finite-difference")
    return PipelineModelWrapper(groups=[group])


def taken(steps):
    return PipelineModelWrapper(groups=[PipelineGroup(steps, use_autograd=True)])


def relative(found, expected):
    """Largest deviation, relative to the largest number that is expected."""
    has = ~expected.isnan()
    assert torch.equal(found.isnan(), expected.isnan())
    return ((found - expected)[has].abs().max() / expected[has].abs().max()).item()


@HYBRID
@MODELS
def test_charges_of_the_batch(name, hybrid):
    structures = systems()
    charges = [q for seed, atoms in enumerate(structures) for q in charges_of(atoms, total=seed % 3, seed=seed)]
    batch = with_charges(structures, charges)
    steps = [create_model(name, hybrid_forces=hybrid, **TIGHT[name])]
    found, expected = taken(steps)(batch, WANTED), sampled(steps)(batch, WANTED)
    assert relative(found["forces"], expected["forces"]) < 1e-6
    assert relative(found["stress"], expected["stress"]) < 1e-6


@MODELS
def test_hybrid_needs_no_autograd_group(name):
    batch = with_charges(systems(), [0.1 * (1 + atom % 5) for atom in range(29)])
    model = create_model(name, hybrid_forces=True, **TIGHT[name])
    alone = PipelineModelWrapper(groups=[PipelineGroup([model])])(batch, {*WANTED, "virial"})
    expected = sampled([model])(batch, {*WANTED, "virial"})
    for what in ("forces", "stress", "virial"):
        assert relative(alone[what], expected[what]) < 1e-6


@HYBRID
@MODELS
def test_charges_that_depend_on_positions(name, hybrid):
    batch = Batch.from_ase(systems())
    steps = [Transfer(), create_model(name, hybrid_forces=hybrid, **TIGHT[name])]
    found, expected = taken(steps)(batch, WANTED), sampled(steps)(batch, WANTED)
    assert relative(found["forces"], expected["forces"]) < 1e-6
    assert relative(found["stress"], expected["stress"]) < 1e-6


@HYBRID
@MODELS
def test_without_the_chain_rule_forces_are_wrong_by_tens_of_percent(name, hybrid):
    batch = Batch.from_ase(gas(8, seed=1))
    model = create_model(name, hybrid_forces=hybrid, **TIGHT[name])
    cut = taken([PipelineStep(Transfer(), detach=True), model])(batch, WANTED)
    expected = sampled([Transfer(), model])(batch, WANTED)
    assert relative(cut["forces"], expected["forces"]) > 0.1
    assert relative(cut["stress"], expected["stress"]) > 0.1


@MODELS
def test_hybrid_and_graph_are_equal(name):
    batch = Batch.from_ase(systems())
    hybrid, graph = (
        taken([Transfer(), create_model(name, hybrid_forces=flag, **TIGHT[name])])(batch, {*WANTED, "virial"})
        for flag in (True, False)
    )
    for what, value in graph.items():
        torch.testing.assert_close(hybrid[what], value, rtol=1e-10, atol=1e-10, equal_nan=True)


@pytest.mark.parametrize("wanted", [{"energy"}, {"forces"}, {"stress"}, {"virial"}, {"energy", "virial"}])
@MODELS
def test_each_output_alone_is_the_same(name, wanted):
    batch = with_charges(systems(), [0.1 * (1 + atom % 5) for atom in range(29)])
    model = create_model(name)
    everything = taken([model])(batch, {*WANTED, "virial"})
    for what, value in taken([model])(batch, wanted).items():
        torch.testing.assert_close(value, everything[what], rtol=1e-12, atol=1e-12, equal_nan=True)


@MODELS
def test_one_ion_has_no_force(name):
    ion = Atoms("Na", [[1.0, 2.0, 3.0]], cell=SKEWED, pbc=True)
    out = taken([create_model(name)])(with_charges([ion, Atoms("Na")], [2.0, 1.0]), WANTED)
    # momentum is not conserved on a mesh, to its accuracy
    assert out["forces"].abs().max() < (1e-10 if name == "ewald" else 1e-4)
    assert out["energy"][1].item() == 0.0
