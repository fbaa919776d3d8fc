"""Structures and types at the edge of what makes sense."""

import copy

import numpy as np
import pytest
import torch
from ase import Atoms

from alchemi_core import Batch
from alchemi_core.errors import UnsupportedElementError

ALL = ("energy", "node_energies", "forces", "stress")


@pytest.mark.parametrize("weights", [torch.float32, torch.float64])
def test_empty_structure(model, pipeline, weights):
    batch = Batch.from_ase(Atoms(cell=[9, 9, 9], pbc=True))
    out = pipeline(copy.deepcopy(model).to(weights))(batch, set(ALL))
    assert out["energy"].tolist() == [[0.0]]
    assert out["forces"].shape == (0, 3)
    assert out["stress"].tolist() == [[[0.0] * 3] * 3]


def test_empty_structure_among_others(structures, evaluate):
    atoms = structures["molecule"]
    out = evaluate([Atoms(), atoms, Atoms()], "energy", "forces")
    assert out["energy"].flatten().tolist() == [0.0, evaluate(atoms, "energy")["energy"].item(), 0.0]
    assert out["forces"].shape == (3, 3)


def test_lone_atoms(evaluate, calculate):
    """Without pairs the energy is that of single atoms; sevenn's calculator needs one pair, here of two others."""
    atoms = Atoms("FeH2", [[0, 0, 0], [15, 0, 0], [15, 0, 0.8]], cell=[30] * 3, pbc=True)
    expected = calculate(atoms)["energies"][0]
    for lone in (atoms[:1], Atoms("Fe")):
        out = evaluate(lone, "energy", "forces")
        assert out["energy"].item() == pytest.approx(expected, rel=1e-6)
        assert out["forces"].tolist() == [[0.0] * 3]
    assert evaluate(atoms[:1], "stress")["stress"].tolist() == [[[0.0] * 3] * 3]


def test_pairs_at_the_cutoff_do_not_count(evaluate):
    """The energy is smooth there: it goes to that of single atoms."""
    apart, near, at = (
        evaluate(Atoms("Si2", [[0, 0, 0], [0, 0, distance]]), "energy", "forces") for distance in (6.0, 4.999, 5.0)
    )
    assert near["energy"].item() == pytest.approx(apart["energy"].item(), abs=1e-5)
    assert at["energy"].item() == apart["energy"].item()
    assert float(near["forces"].abs().max()) < 1e-3


@pytest.mark.parametrize("symbol", ["Po", "At", "Og"])
def test_unknown_elements(evaluate, symbol):
    batch = [Atoms("H2", [[0, 0, 0], [0, 0, 0.75]]), Atoms(["O", symbol], [[0, 0, 0], [0, 0, 2]])]
    with pytest.raises(UnsupportedElementError, match=symbol):
        evaluate(batch, "energy")


def test_elements_declared_are_those_of_sevenn(model, shipped):
    content = torch.load(shipped("7net-0"), map_location="cpu", weights_only=False)
    assert model.model_config.elements == frozenset(content["config"]["_type_map"])
    assert len(model.model_config.elements) == 89


def test_units_of_dtype(model, structures, pipeline):
    """Weights and positions may each be float32 or float64; answers are as the positions."""
    atoms = structures["perovskite"]
    reference = pipeline(copy.deepcopy(model).double())(Batch.from_ase(atoms), set(ALL))
    for weights in (torch.float32, torch.float64):
        for dtype in (torch.float32, torch.float64):
            out = pipeline(copy.deepcopy(model).to(weights))(Batch.from_ase(atoms, dtype=dtype), set(ALL))
            for name in ALL:
                assert out[name].dtype == dtype
                torch.testing.assert_close(out[name].double(), reference[name], rtol=1e-5, atol=1e-5)


def test_rotation_turns_forces_and_stress(structures, evaluate):
    atoms = structures["perovskite"]
    turned = atoms.copy()
    turned.rotate(40, (1, 2, 3), rotate_cell=True)
    matrix = np.linalg.solve(atoms.cell.array, turned.cell.array)
    one, other = evaluate(atoms, *ALL), evaluate(turned, *ALL)
    np.testing.assert_allclose(other["energy"], one["energy"], rtol=1e-6)
    np.testing.assert_allclose(other["forces"], one["forces"].numpy() @ matrix, atol=2e-5)
    np.testing.assert_allclose(other["stress"][0], matrix.T @ one["stress"][0].numpy() @ matrix, atol=2e-6)
