"""Numbers of chgnet itself: its graph converter, network, derivatives and ASE calculator."""

import numpy as np
import pytest
import torch
from ase.build import bulk, molecule

ALL = ("energy", "forces", "stress", "node_energies", "magmoms")
CHECKPOINTS = pytest.mark.parametrize("checkpoint", ["0.3.0", "0.2.0", "r2scan"])


def assert_same(out, expected, name=""):
    assert out["energy"].item() == pytest.approx(expected.energy, rel=1e-10), name
    np.testing.assert_allclose(out["forces"], expected.forces, rtol=1e-8, atol=1e-9, err_msg=name)
    # the volumes of chgnet are float32
    np.testing.assert_allclose(out["stress"][0], expected.stress, rtol=2e-7, atol=1e-10, err_msg=name)
    np.testing.assert_allclose(out["node_energies"], expected.sites, rtol=1e-10, err_msg=name)
    np.testing.assert_allclose(out["magmoms"], expected.magmoms, rtol=1e-9, atol=1e-11, err_msg=name)


def test_in_float64(evaluate, refer, structure):
    assert_same(evaluate(structure, *ALL), refer(structure))


@pytest.mark.parametrize("checkpoint", ["0.2.0", "r2scan"])
def test_other_weights_in_float64(evaluate, refer, structures, checkpoint):
    for name in ("magnetic oxide", "skewed diamond", "no angles", "a lone atom"):
        atoms = structures[name]
        assert_same(evaluate(atoms, *ALL, checkpoint=checkpoint), refer(atoms, checkpoint), name)


@CHECKPOINTS
def test_calculator_in_float32(evaluate, calculate, structures, checkpoint):
    """Chgnet's float32 forces are themselves right to 1e-5 to 1e-4 of the largest."""
    for name in ("rock salt", "perovskite", "slab"):
        out = evaluate(structures[name], *ALL, checkpoint=checkpoint, weights=torch.float32)
        expected = calculate(structures[name], checkpoint)
        assert out["energy"].item() == pytest.approx(float(expected["energy"]), rel=1e-6), name
        np.testing.assert_allclose(out["magmoms"], expected["magmoms"], atol=1e-5, err_msg=name)
        for ours, theirs in (("forces", expected["forces"]), ("stress", expected["stress"][None])):
            np.testing.assert_allclose(out[ours], theirs, atol=2e-4 * np.abs(theirs).max(), err_msg=name)


def test_float32_weights_lose_little(evaluate, refer, structure):
    out, expected = evaluate(structure, *ALL, weights=torch.float32), refer(structure)
    assert out["energy"].item() == pytest.approx(expected.energy, rel=2e-6)
    np.testing.assert_allclose(out["magmoms"], expected.magmoms, atol=2e-6)
    np.testing.assert_allclose(out["forces"], expected.forces, atol=6e-6 * np.abs(expected.forces).max() + 1e-6)
    np.testing.assert_allclose(out["stress"][0], expected.stress, atol=2e-5 * np.abs(expected.stress).max() + 1e-9)


def test_manganese_has_a_moment(evaluate):
    """MnO is high-spin d5: the calculations that the weights were fitted to give about 4.5 μB."""
    moments = evaluate(bulk("MnO", "rocksalt", a=4.44, cubic=True), "magmoms")["magmoms"]
    assert moments[::2].tolist() == pytest.approx([4.5] * 4, abs=0.3)
    assert moments[1::2].max() < 0.2


def test_a_box_is_not_felt(evaluate, structures):
    boxed, free = structures["molecule in a box"], molecule("CH3CH2OH")
    with_cell, without = (evaluate(atoms, "energy", "forces") for atoms in (boxed, free))
    assert without["energy"].item() == pytest.approx(with_cell["energy"].item(), rel=1e-12)
    torch.testing.assert_close(without["forces"], with_cell["forces"], rtol=1e-9, atol=1e-10)


def test_left_handed_cells_are_no_different(evaluate):
    right = bulk("NaCl", "rocksalt", a=5.64)
    right.rattle(0.1, seed=1)
    left = right.copy()
    left.set_cell(right.cell.array[[1, 0, 2]])
    one, other = (evaluate(atoms, "energy", "forces", "stress") for atoms in (right, left))
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=1e-10, atol=1e-11)
