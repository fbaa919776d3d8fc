"""Estimates of pairs against counted ones."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, graphene, molecule
from ase.neighborlist import neighbor_list
from support.pipelines import autograd, direct, pipeline
from support.toys import Gaussians, Kernel, PairSum

from alchemi_core.batching.cost import Cost, Estimator


def counted(atoms, cutoff):
    return len(neighbor_list("i", atoms, cutoff))


def chain():
    return Atoms("C20", [[1.5 * n, 0.5 * (n % 2), 0] for n in range(20)], cell=[30.0, 0, 0], pbc=[True, False, False])


def sheared():
    atoms = bulk("Si", cubic=True).repeat(2)
    atoms.set_cell(atoms.cell.array @ np.array([[1, 0.3, 0], [0, 1, 0.2], [0, 0, 1]]), scale_atoms=True)
    return atoms


STRUCTURES = {
    "crystal": lambda: bulk("Cu", cubic=True).repeat(3),
    "primitive cell": lambda: bulk("NaCl", "rocksalt", a=5.64),
    "sheared": sheared,
    "slab with vacuum": lambda: fcc111("Pt", (4, 4, 3), vacuum=8.0, periodic=True),
    "slab": lambda: fcc111("Pt", (4, 4, 3), vacuum=8.0),
    "sheet": lambda: graphene(size=(5, 5, 1), vacuum=5.0),
    "chain": chain,
    "molecule": lambda: molecule("C60"),
    "small molecule": lambda: molecule("CH3CH2OH"),
}


@pytest.mark.parametrize("cutoff", [4.0, 6.0, 10.0])
@pytest.mark.parametrize("name", STRUCTURES)
def test_estimated_pairs_are_near_the_counted_ones(name, cutoff):
    atoms = STRUCTURES[name]()
    estimated = Estimator((cutoff,), padded=False).cost(atoms)
    assert 0.5 < estimated.pairs / counted(atoms, cutoff) < 2.0
    assert (estimated.atoms, estimated.systems) == (len(atoms), 1)


def test_a_molecule_has_no_more_pairs_than_there_are():
    atoms = molecule("CO2")
    assert Estimator((50.0,), padded=False).cost(atoms).pairs == 6


def test_lists_of_all_models_count():
    plan = pipeline(autograd(Gaussians(cutoff=4.0)), direct(Kernel(cutoff=6.0))).plan
    atoms = bulk("Cu", cubic=True).repeat(3)
    parts = [Estimator((cutoff,), padded=False).cost(atoms).pairs for cutoff in (4.0, 6.0)]
    assert Estimator.of(plan).cost(atoms).pairs == pytest.approx(sum(parts))
    assert not Estimator.of(plan).padded
    assert Estimator.of(pipeline(autograd(PairSum(4.0, "matrix"))).plan).padded


def test_without_lists_atoms_alone_count():
    assert Estimator((), padded=False).cost(molecule("C60")) == Cost(60, 0, 1)
    assert Estimator((5.0,), padded=False).cost(Atoms()) == Cost(0, 0, 1)


@pytest.mark.parametrize("cutoffs", [(), (5.0,)])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_shows(value, cutoffs):
    atoms, crystal = molecule("H2O"), bulk("Cu")
    atoms.positions[1, 2] = value
    crystal.cell[0, 0] = value
    for one in (atoms, crystal):
        assert np.isnan(Estimator(cutoffs, padded=False).cost(one).pairs)


def test_singular_cells_have_some_cost():
    for pbc in (True, (True, True, False), (True, False, False)):
        atoms = Atoms("H2", [[0, 0, 0], [0, 0, 1.0]], pbc=pbc)
        assert np.isfinite(Estimator((5.0,), padded=False).cost(atoms).pairs)
