"""Forces in results: those of the model on held atoms too, and without constraints none where atoms are held."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from alchemi_torchsim import relax, run_md
from ase import Atoms
from ase.build import bulk
from ase.constraints import FixAtoms, FixCartesian

FMAX = 1e-3


def crystal(seed, *constraints):
    atoms = bulk("Ar", cubic=True, a=5.1)
    atoms.rattle(0.2, seed=seed)
    atoms.set_constraint(constraints)
    return atoms


@pytest.fixture
def held():
    """Two atoms, single coordinates, both of them, and nothing held; of different sizes, so that some leave early."""
    cartesian = FixCartesian([1, 3], mask=(True, False, True))
    supercell = bulk("Ar", cubic=True, a=5.1) * (2, 1, 1)
    supercell.rattle(0.2, seed=9)
    supercell.set_constraint(FixAtoms([0, 5]))
    return [crystal(5, FixAtoms([0, 2])), crystal(6, cartesian), crystal(7, FixAtoms([0]), cartesian), supercell]


def assert_forces_of_the_model(atoms: Atoms, pipe, tolerance):
    """Equal those at the geometry, constraints applied or not."""
    again = atoms.copy()
    again.calc = pipe.as_ase()
    expected = again.get_forces(apply_constraint=False)
    np.testing.assert_allclose(atoms.get_forces(apply_constraint=False), expected, atol=tolerance)
    np.testing.assert_allclose(atoms.get_forces(), again.get_forces(), atol=tolerance)
    stays = again.get_forces() == 0.0
    assert not atoms.get_forces()[stays].any()
    assert np.abs(expected[stays]).max() > 0.01


@pytest.mark.parametrize("optimizer", ["fire", "fire-verlet"])
@pytest.mark.parametrize("room", [None, 8])
def test_relaxed(argon, held, optimizer, room):
    free = crystal(8)
    *results, last = relax(argon, [*held, free], fmax=FMAX, optimizer=optimizer, max_steps=2000, atoms_at_once=room)
    for result in results:
        assert result.converged
        assert_forces_of_the_model(result.atoms, argon, 1e-8)
        assert np.linalg.norm(result.atoms.get_forces(), axis=1).max() == pytest.approx(result.pull)
        assert result.pull < FMAX
    np.testing.assert_array_equal(last.atoms.get_forces(), last.atoms.get_forces(apply_constraint=False))


@pytest.mark.parametrize("steps", [0, 20])
@pytest.mark.parametrize("room", [None, 8])
def test_moved(argon, held, steps, room):
    for result in run_md(argon, held, steps=steps, temperature=30.0, seed=1, atoms_at_once=room):
        assert_forces_of_the_model(result.atoms, argon, 1e-8)


def test_not_a_step_taken(argon, held):
    for result in relax(argon, held, fmax=FMAX, max_steps=0):
        assert result.status == "not converged"
        assert_forces_of_the_model(result.atoms, argon, 1e-8)


def test_in_float32(argon, held):
    for result in relax(argon, held, fmax=0.01, dtype=torch.float32):
        assert_forces_of_the_model(result.atoms, argon, 1e-4)
