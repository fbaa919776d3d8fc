"""The same lattice by other vectors: reduction, and what results."""

import numpy as np
import pytest
import torch
from alchemi_electrostatics.reduction import short_basis
from hypothesis import given
from hypothesis import strategies as st

from .ions import SKEWED, charges_of, gas
from .running import run

INTEGERS = st.integers(-4, 4)
BASES = {
    "skewed": [[1, 0, 0], [3, 1, 0], [-2, 4, 1]],
    "very skewed": [[1, 7, -3], [0, 1, 9], [0, 0, 1]],
    "left-handed": [[0, 0, 1], [0, 1, 0], [1, 0, 0]],
    "left-handed and skewed": [[0, 1, 5], [1, 2, 3], [0, 0, 1]],
}


@given(st.tuples(*[INTEGERS] * 6), st.floats(0.3, 3.0))
def test_reduced_basis_spans_the_lattice_by_vectors_no_longer(numbers, stretch):
    a, b, c, d, e, f = numbers
    unimodular = np.array([[1, a, b], [0, 1, c], [0, 0, 1]]) @ np.array([[1, 0, 0], [d, 1, 0], [e, f, 1]])
    start = np.diag([1.0, stretch, 2.0])
    given_ = unimodular @ start
    found = np.array(short_basis(given_.tolist()))
    assert round(np.linalg.det(found)) == 1
    lengths = np.sort(np.linalg.norm(found @ given_, axis=1))
    assert (lengths <= np.sort(np.linalg.norm(given_, axis=1)) * (1.0 + 1e-12)).all()
    # an orthogonal lattice is recognised, up to the slack that keeps the choice steady
    np.testing.assert_allclose(lengths.prod(), abs(np.linalg.det(start)), rtol=0.01)


def test_short_vectors_stay():
    assert short_basis(SKEWED.tolist()) == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_equal_vectors_are_not_swapped_back_and_forth_by_rounding():
    hexagonal = np.array([[2.5, 0.0, 0.0], [-1.25, 2.5 * np.sqrt(0.75), 0.0], [0.0, 0.0, 6.0]])
    for noise in (-1e-9, 0.0, 1e-9):
        strained = hexagonal * (1.0 + noise * np.arange(9).reshape(3, 3))
        assert short_basis(strained.tolist()) == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


@pytest.mark.parametrize("basis", BASES.values(), ids=BASES)
@pytest.mark.parametrize("model", ["ewald", "pme"])
def test_same_numbers_in_every_basis(model, basis):
    atoms = gas(10, seed=12)
    charges = charges_of(atoms, total=1.0)
    other = atoms.copy()
    other.set_cell(np.array(basis) @ atoms.cell.array)
    first, second = (run(model, each, charges, requested=("energy", "forces", "stress")) for each in (atoms, other))
    for name, value in first.items():
        assert not value.isnan().any()
        torch.testing.assert_close(value, second[name], rtol=0.0, atol=2e-6 if model == "ewald" else 2e-5)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("model", ["ewald", "pme"])
def test_doubled_cell_has_twice_the_energy(model, axis):
    atoms = gas(8, seed=13)
    charges = charges_of(atoms, total=1.0)
    repeats = [2 if a == axis else 1 for a in range(3)]
    first, second = run(model, atoms, charges), run(model, atoms.repeat(repeats), np.tile(charges, 2))
    assert second["energy"].item() == pytest.approx(
        2.0 * first["energy"].item(), abs=2e-5 if model == "ewald" else 2e-4
    )
    tolerance = 5e-6 if model == "ewald" else 5e-5
    torch.testing.assert_close(second["forces"], first["forces"].repeat(2, 1), rtol=0.0, atol=tolerance)
    torch.testing.assert_close(second["stress"], first["stress"], rtol=0.0, atol=tolerance)
