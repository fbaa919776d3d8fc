"""Forces and stress against central differences of the energy."""

import numpy as np
import pytest
from ase import Atoms

STEP = 1e-3
"""Å and 1: errors of second order stay below 1e-7 of these smooth energies after Richardson extrapolation."""


def difference(energy_at):
    """Fourth-order central difference."""
    near, far = ((energy_at(s) - energy_at(-s)) / (2 * s) for s in (STEP, 2 * STEP))
    return (4.0 * near - far) / 3.0


def strained(atoms, a, b, size):
    strain = np.eye(3)
    strain[a, b] += size / 2
    strain[b, a] += size / 2
    new = atoms.copy()
    new.set_cell(atoms.cell.array @ strain)
    new.positions = atoms.positions @ strain
    return new


def moved(atoms, atom, axis, size):
    new = atoms.copy()
    new.positions[atom, axis] += size
    return new


# Sums that end sharply jump when a strain carries pairs across. The energy can end smoothly; coordination numbers
# cannot, but with a range that falls between two shells nothing is carried across.
SMOOTH = {"functional": "pbe", "cutoffs": {"disp2": 14.0, "width2": 5.0, "cn": 5.15}}
CASES = [
    ("benzene", {"functional": "pbe"}),
    ("benzene", {"functional": "b3lyp", "damping": "zero", "atm": True}),
    ("rocksalt", SMOOTH),
    ("skewed", {**SMOOTH, "damping": "zero"}),
]


@pytest.mark.parametrize(("name", "options"), CASES)
def test_forces(evaluate, structures, name, options):
    atoms = structures[name]
    forces = evaluate(atoms, requested=("forces",), **options)["forces"].numpy()

    def energy(atom, axis):
        return lambda size: evaluate(moved(atoms, atom, axis, size), requested=("energy",), **options)["energy"].item()

    places = [(atom, axis) for atom in range(min(len(atoms), 3)) for axis in range(3)]
    expected = np.array([-difference(energy(*place)) for place in places])
    found = np.array([forces[place] for place in places])
    np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(forces).max())


@pytest.mark.parametrize(("name", "options"), CASES[2:])
def test_stress(evaluate, structures, name, options):
    atoms = structures[name]
    stress = evaluate(atoms, requested=("stress",), **options)["stress"][0].numpy()

    def energy(a, b):
        return lambda size: evaluate(strained(atoms, a, b, size), requested=("energy",), **options)["energy"].item()

    expected = np.array([[difference(energy(a, b)) for b in range(3)] for a in range(3)]) / atoms.get_volume()
    np.testing.assert_allclose(stress, expected, atol=1e-6 * np.abs(stress).max())


def test_virial_of_a_molecule(evaluate, structures):
    atoms = structures["benzene"]
    virial = evaluate(atoms, requested=("virial",), functional="pbe")["virial"][0].numpy()

    def energy(a, b):
        def at(size):
            new = Atoms(atoms.symbols, strained(atoms, a, b, size).positions)
            return evaluate(new, requested=("energy",), functional="pbe")["energy"].item()

        return at

    expected = -np.array([[difference(energy(a, b)) for b in range(3)] for a in range(3)])
    np.testing.assert_allclose(virial, expected, atol=1e-6 * np.abs(virial).max())
