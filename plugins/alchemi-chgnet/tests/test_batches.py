"""Batches of any mix give what their systems give one by one, in either precision."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import molecule

NAMES = ("energy", "forces", "node_energies", "magmoms")


def one_by_one(evaluate, batch, **options):
    parts = [evaluate(atoms, *NAMES, **options) for atoms in batch]
    return {name: torch.cat([part[name] for part in parts]) for name in NAMES}


def assert_same(out, expected):
    for name in NAMES:
        torch.testing.assert_close(out[name], expected[name], rtol=1e-9, atol=1e-9, msg=name)


@pytest.mark.parametrize("checkpoint", ["0.3.0", "0.2.0"])
def test_mixed_batch(evaluate, structures, checkpoint):
    """With 0.2.0 the energy of a system without angles must not depend on angles of others."""
    batch = [molecule("H2"), *structures.values(), molecule("CH4"), Atoms("O", [[0, 0, 0]])]
    assert_same(evaluate(batch, *NAMES, checkpoint=checkpoint), one_by_one(evaluate, batch, checkpoint=checkpoint))


def test_stress_of_a_mixed_batch(evaluate, structures):
    batch = [structures["slab"], molecule("CH4"), structures["skewed diamond"]]
    stress = evaluate(batch, "stress")["stress"]
    assert bool(stress[1].isnan().all())
    for row in (0, 2):
        torch.testing.assert_close(stress[row], evaluate(batch[row], "stress")["stress"][0], rtol=1e-9, atol=1e-12)


def test_molecules_without_any_cell(evaluate):
    batch = [molecule("H2O"), molecule("CH3OH")]
    assert_same(evaluate(batch, *NAMES), one_by_one(evaluate, batch))


def test_systems_without_atoms(evaluate, structures):
    full = structures["perovskite"]
    out = evaluate([Atoms(), full, Atoms()], "energy", "forces", "magmoms")
    assert out["energy"][[0, 2]].tolist() == [[0.0], [0.0]]
    assert out["energy"][1].item() == pytest.approx(evaluate(full, "energy")["energy"].item(), rel=1e-12)
    assert out["forces"].shape == (5, 3)


def test_nothing_at_all(evaluate):
    out = evaluate(Atoms(cell=[5, 5, 5], pbc=True), "energy", "forces", "stress", "magmoms", "node_energies")
    assert out["energy"].tolist() == [[0.0]]
    assert out["stress"].abs().max() == 0.0
    assert [out[name].shape[0] for name in ("forces", "magmoms", "node_energies")] == [0, 0, 0]


def test_lone_atoms_feel_no_force(evaluate):
    atoms = Atoms("FeNi", [[0, 0, 0], [10, 10, 10]], cell=[20, 20, 20], pbc=True)
    out = evaluate(atoms, "energy", "forces", "stress")
    assert out["forces"].abs().max() == 0.0
    assert out["stress"].abs().max() == 0.0
    alone = [evaluate(Atoms(symbol, [[0, 0, 0]]), "energy")["energy"].item() for symbol in ("Fe", "Ni")]
    assert out["energy"].item() == pytest.approx(sum(alone), rel=1e-12)


@pytest.mark.parametrize("weights", [torch.float32, torch.float64])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_come_in_the_precision_of_the_positions(evaluate, refer, structures, weights, dtype):
    atoms = structures["magnetic oxide"]
    out, expected = evaluate(atoms, *NAMES, "stress", weights=weights, dtype=dtype), refer(atoms)
    assert {value.dtype for value in out.values()} == {dtype}
    assert out["energy"].item() == pytest.approx(expected.energy, rel=1e-6)
    np.testing.assert_allclose(out["forces"], expected.forces, atol=2e-5 * np.abs(expected.forces).max())


def test_energies_of_atoms_add_up(evaluate, structures):
    out = evaluate([structures["slab"], structures["perovskite"]], "energy", "node_energies")
    sums = [part.sum().item() for part in out["node_energies"].split([6, 5])]
    assert out["energy"].flatten().tolist() == pytest.approx(sums, rel=1e-13)
