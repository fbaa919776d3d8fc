"""What must not change the charges, and what must change nothing but their order."""

import numpy as np
import pytest
import torch
from alchemi_eeq.model import EEQ
from ase import Atoms
from ase.build import bulk, molecule
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper


def same(found, expected, atol=1e-10):
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol)


def test_rotation_and_translation(evaluate, some_system):
    turned = some_system.copy()
    turn = Rotation.random(random_state=1).as_matrix()
    turned.set_cell(turned.cell.array @ turn.T)
    turned.positions = turned.positions @ turn.T + [0.3, -1.2, 4.5]
    same(evaluate(turned)["charges"], evaluate(some_system)["charges"])


def test_reflection(evaluate, some_system):
    mirrored = some_system.copy()
    mirrored.set_cell(mirrored.cell.array * [1, 1, -1])
    mirrored.positions *= [1, 1, -1]
    same(evaluate(mirrored)["charges"], evaluate(some_system)["charges"])


def test_permutation(evaluate, some_system):
    order = np.random.default_rng(2).permutation(len(some_system))
    same(evaluate(some_system[order])["charges"], evaluate(some_system)["charges"][order])


@pytest.mark.parametrize(
    ("name", "repeats"),
    [("salt", (3, 2, 1)), ("zinc sulfide, skewed", (1, 2, 1)), ("sheet", (2, 1, 1)), ("chain", (1, 3, 1))],
)
def test_supercell(evaluate, systems, name, repeats):
    """The crystal is the same, so each copy of an atom has its charge."""
    atoms = systems[name]
    copies = evaluate(atoms.repeat(repeats))["charges"].view(-1, len(atoms))
    same(copies, evaluate(atoms)["charges"].expand_as(copies), 1e-9)


def test_another_basis_of_the_lattice(evaluate, systems):
    atoms = systems["water"]
    other = atoms.copy()
    other.set_cell(np.array([[1, 0, 0], [1, 1, 0], [-1, 2, 1]]) @ atoms.cell.array)
    same(evaluate(other)["charges"], evaluate(atoms)["charges"])


def test_charges_add_up(evaluate, systems):
    out = evaluate([atoms for atoms in systems.values() if "charge" not in atoms.info])
    totals = [charges.sum().item() for charges in torch.split(out["charges"], sizes(systems, charged=False))]
    same(totals, 0.0, 1e-13)
    for atoms in systems.values():
        same(evaluate(atoms)["charges"].sum().item(), atoms.info.get("charge", 0.0), 1e-13)


def sizes(systems, *, charged):
    return [len(atoms) for atoms in systems.values() if ("charge" in atoms.info) == charged]


def test_equivalent_atoms(evaluate):
    methane, benzene = (evaluate(molecule(name))["charges"] for name in ("CH4", "C6H6"))
    same(methane[1:], methane[1], 1e-12)
    same(benzene[:6], benzene[0], 1e-6)  # its published geometry is round to 1e-6
    salt = evaluate(bulk("NaCl", "rocksalt", a=5.64, cubic=True))["charges"]
    same(salt, [salt[0], -salt[0]] * 4, 1e-12)
    for element in ("Fe", "Si", "Xe"):
        same(evaluate(bulk(element, cubic=True))["charges"], 0.0, 1e-12)


def test_a_box_that_grows_becomes_free_space(evaluate):
    """The dipole of water meets its images, which falls off with the volume."""
    water = molecule("H2O")
    free = evaluate(water)["charges"]
    errors = []
    for edge in (20.0, 40.0):
        water.set_cell([edge] * 3)
        water.pbc = True
        errors.append((evaluate(water)["charges"] - free).abs().max().item())
    assert errors[1] < 3e-5
    assert errors[0] / errors[1] == pytest.approx(8.0, rel=0.05)


@pytest.mark.parametrize("pbc", [(True, True, False), (False, False, True), (True, False, True)])
def test_room_does_not_matter_where_nothing_is_periodic(evaluate, systems, pbc):
    atoms = systems["water"]
    atoms.pbc = pbc
    expected = evaluate(atoms)["charges"]
    for axis in range(3):
        if not pbc[axis]:
            atoms.cell[axis] *= 3.0
    same(evaluate(atoms)["charges"], expected, 1e-13)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), pbc=st.tuples(*[st.booleans()] * 3), charge=st.integers(-2, 2))
def test_any_structure_is_that_of_its_images(seed, pbc, charge):
    """Moving an atom by a lattice vector along a periodic direction changes nothing."""
    pipe = PipelineModelWrapper(groups=[PipelineGroup([EEQ()])])
    random = np.random.default_rng(seed)
    cell = 6.0 * np.eye(3) + random.uniform(-1.5, 1.5, (3, 3))
    places = np.array([(0, 0, 0), (0.5, 0, 0), (0, 0.5, 0.1), (0.5, 0.5, 0.5)]) + random.uniform(-0.05, 0.05, (4, 3))
    atoms = Atoms(random.choice(["H", "C", "O", "Na", "Cl", "Zn"], 4), cell=cell, pbc=pbc, info={"charge": charge})
    atoms.set_scaled_positions(places)
    moved = atoms.copy()
    moved.positions[random.integers(4)] += (random.integers(-2, 3, 3) * pbc) @ cell
    here, there = (pipe(Batch.from_ase(one))["charges"] for one in (atoms, moved))
    same(here, there, 1e-9)
    assert here.sum().item() == pytest.approx(charge, abs=1e-12)
