"""Structures and types at the edge of what makes sense."""

import copy
import pickle

import numpy as np
import pytest
import torch
from alchemi_lennard_jones.model import LennardJones
from ase import Atoms
from ase.build import bulk

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper
from alchemi_core.errors import GeometryError, UnsupportedElementError

BOTH = pytest.mark.parametrize("derivatives", ["graph", "analytic"])
ALL = ("energy", "forces", "stress")


@BOTH
@pytest.mark.parametrize("count", [0, 1, 2])
def test_no_pairs_give_zero(evaluate, derivatives, count):
    atoms = Atoms(f"Ar{count}" if count else "", np.eye(3)[:count] * 40.0, cell=[90, 90, 90], pbc=True)
    out = evaluate(atoms, requested=ALL, derivatives=derivatives, cutoff=5.0)
    assert out["energy"].tolist() == [[0.0]]
    assert out["forces"].tolist() == [[0.0] * 3] * count
    assert out["stress"].tolist() == [[[0.0] * 3] * 3]


@BOTH
def test_molecules_have_no_stress(evaluate, derivatives):
    pair = Atoms("Ar2", [[0, 0, 0], [0, 0, 3.8]])
    stress = evaluate([pair, bulk("Ar", a=5.3)], requested=ALL, derivatives=derivatives)["stress"]
    assert bool(stress[0].isnan().all())
    assert bool(stress[1].isfinite().all())


@BOTH
def test_two_atoms_at_one_place(evaluate, derivatives):
    atoms = Atoms("Ar3", [[0, 0, 0], [0, 0, 4], [0, 0, 14]], cell=[10, 10, 10], pbc=True)
    with pytest.raises(GeometryError, match="atoms 1 and 2"):
        evaluate(atoms, derivatives=derivatives, cutoff=5.0)


@BOTH
def test_element_without_parameters(evaluate, derivatives):
    with pytest.raises(UnsupportedElementError) as caught:
        evaluate(Atoms("ArXe", [[0, 0, 0], [0, 0, 4]]), derivatives=derivatives, epsilon={"Ar": 0.01}, sigma=3.4)
    assert "atom 1 of system 0 is Xe" in caught.value.found
    assert "Ar" in caught.value.expected


def test_unlike_elements_mix_by_lorentz_and_berthelot(evaluate):
    options = {"epsilon": {"Ar": 1.0, "Kr": 4.0}, "sigma": {"Kr": 4.0, "Ar": 3.0}, "cutoff": 50.0, "shift": False}
    energy = evaluate(Atoms("KrAr", [[0, 0, 0], [0, 2 ** (1 / 6) * 3.5, 0]]), **options)["energy"].item()
    assert energy == pytest.approx(-2.0, rel=1e-13)


def test_one_sigma_serves_all_elements_of_epsilon(evaluate):
    options = {"epsilon": {"Ar": 1.0, "Kr": 4.0}, "sigma": 3.0, "cutoff": 50.0, "shift": False}
    energy = evaluate(Atoms("KrKr", [[0, 0, 0], [0, 2 ** (1 / 6) * 3.0, 0]]), **options)["energy"].item()
    assert energy == pytest.approx(-4.0, rel=1e-13)


@BOTH
def test_float32(evaluate, derivatives):
    atoms = bulk("Ar", "fcc", a=5.26, cubic=True)
    atoms.rattle(0.1, seed=1)
    low, high = (
        evaluate(atoms, requested=ALL, dtype=dtype, derivatives=derivatives) for dtype in (torch.float32, torch.float64)
    )
    for name in ALL:
        assert low[name].dtype == torch.float32
        torch.testing.assert_close(low[name].double(), high[name], rtol=2e-5, atol=2e-6)


def test_epsilon_can_be_trained(evaluate):
    """The energy is linear in ε, so dE/dε = E/ε."""
    model = LennardJones()
    pipe = PipelineModelWrapper(groups=[PipelineGroup([model], use_autograd=True)]).train()
    energy = pipe(Batch.from_ase(bulk("Ar", a=5.0)), requested={"energy"})["energy"]
    energy.sum().backward()
    assert model.epsilon.grad.item() == pytest.approx(energy.item() / 0.0104, rel=1e-12)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_compute_the_same(again):
    model = LennardJones(epsilon={"Ar": 0.01}, sigma=3.4)
    batch = Batch.from_ase(bulk("Ar", a=5.0))
    energies = [
        PipelineModelWrapper(groups=[PipelineGroup([m], use_autograd=True)])(batch)["energy"].item()
        for m in (model, again(model))
    ]
    assert energies[0] == energies[1] != 0.0
