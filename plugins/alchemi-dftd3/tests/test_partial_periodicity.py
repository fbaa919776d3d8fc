"""Slabs and wires, against what they are limits of; s-dftd3 called directly is wrong for most of these."""

import numpy as np
import pytest
from ase import Atoms
from dftd3 import interface

FAR = 80.0
"""Å; s-dftd3's sums end at 31.8 Å."""


def as_crystal(atoms, *axes):
    """The same atoms with vacuum so wide that images along the axes are out of range."""
    cell = atoms.cell.array.copy()
    for axis in axes:
        cell[axis] = np.eye(3)[axis] * FAR
    return Atoms(atoms.symbols, atoms.positions, cell=cell, pbc=True)


def check(out, expected, forces_of=slice(None)):
    energy, forces, strain = expected
    assert out["energy"].item() == pytest.approx(energy, abs=1e-10)
    np.testing.assert_allclose(out["forces"][forces_of], forces, atol=1e-11)
    np.testing.assert_allclose(out["virial"][0], -strain, atol=1e-10)


REQUESTED = ("energy", "forces", "virial")


@pytest.mark.parametrize("height", [-30.0, -0.1, 0.0, 7.3])
@pytest.mark.parametrize("third", [[0, 0, 12.0], [0, 0, 0], [0, 0, 1.0], [3.0, -2.0, -9.0]])
def test_slab_does_not_see_its_third_vector(evaluate, s_dftd3, slab, height, third):
    sheet = slab.copy()
    sheet.positions[:, 2] += height - sheet.positions[0, 2]
    cell = sheet.cell.array.copy()
    cell[2] = third
    sheet.set_cell(cell)
    expected = s_dftd3(as_crystal(sheet, 2), interface.RationalDampingParam(method="pbe"))
    check(evaluate(sheet, requested=REQUESTED), expected)


@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 2, 0), (2, 0, 1)])
def test_slab_and_wire_along_any_axes(evaluate, s_dftd3, slab, wire, axes):
    """Cyclic exchange of axes and vectors turns structure, forces and virial with it."""
    damping = interface.RationalDampingParam(method="pbe")
    for atoms, vacuum in ((slab, (2,)), (wire, (1, 2))):
        turned = Atoms(
            atoms.symbols,
            atoms.positions[:, axes],
            cell=atoms.cell.array[np.ix_(axes, axes)],
            pbc=atoms.pbc[list(axes)],
        )
        energy, forces, strain = s_dftd3(as_crystal(atoms, *vacuum), damping)
        check(evaluate(turned, requested=REQUESTED), (energy, forces[:, axes], strain[np.ix_(axes, axes)]))


def test_wire_is_the_limit_of_long_chains(evaluate, wire):
    """The energy per cell of a chain is what one more cell in a long molecule adds."""
    chains = [(wire * (count, 1, 1)) for count in (60, 61)]
    for chain in chains:
        chain.pbc = False
    short, long = evaluate(chains, requested=("energy",))["energy"][:, 0].tolist()
    assert evaluate(wire, requested=("energy",))["energy"].item() == pytest.approx(long - short, abs=1e-9)


def test_moving_a_wire_sideways_changes_nothing(evaluate, wire):
    moved = wire.copy()
    moved.positions += [17.0, -40.0, 23.0]
    first, second = evaluate([wire, moved], requested=("energy",))["energy"][:, 0].tolist()
    assert first == pytest.approx(second, abs=1e-12)
