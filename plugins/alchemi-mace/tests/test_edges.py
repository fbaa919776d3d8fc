"""Structures and types at the edge of what makes sense."""

import copy

import pytest
import torch
from ase import Atoms

from alchemi_core import Batch
from alchemi_core.errors import UnsupportedElementError

ALL = ("energy", "node_energies", "forces", "stress")
KINDS = ["scaled", "plain", "zbl"]


@pytest.mark.parametrize("kind", KINDS)
def test_empty_structure(make, pipeline, kind):
    out = pipeline(make(kind))(Batch.from_ase(Atoms(cell=[9, 9, 9], pbc=True)), set(ALL))
    assert out["energy"].tolist() == [[0.0]]
    assert out["forces"].shape == (0, 3)
    assert out["stress"].tolist() == [[[0.0] * 3] * 3]


def test_empty_structure_among_others(structures, evaluate):
    atoms = structures["molecule"]
    out = evaluate([Atoms(), atoms, Atoms()], "energy", "forces")
    assert out["energy"].flatten().tolist() == [0.0, pytest.approx(evaluate(atoms, "energy")["energy"].item()), 0.0]
    assert out["forces"].shape == (3, 3)


@pytest.mark.parametrize("kind", KINDS)
def test_lone_atoms(evaluate, calculate, kind):
    """mace-torch knows the energy of an atom that no pair reaches, too."""
    atoms = Atoms("CuH2", [[0, 0, 0], [15, 0, 0], [15, 0, 0.8]], cell=[30] * 3, pbc=True)
    expected = calculate(atoms, kind)["energies"][0]
    for lone in (atoms[:1], Atoms("Cu")):
        out = evaluate(lone, "energy", "forces", kind=kind)
        assert out["energy"].item() == pytest.approx(expected, rel=1e-11)
        assert out["forces"].tolist() == [[0.0] * 3]
    assert evaluate(atoms[:1], "stress", kind=kind)["stress"].tolist() == [[[0.0] * 3] * 3]


@pytest.mark.parametrize("kind", KINDS)
def test_pairs_at_the_cutoff_do_not_count(evaluate, kind):
    """The energy is smooth there: it goes to that of single atoms."""
    apart, near, at = (
        evaluate(Atoms("Si2", [[0, 0, 0], [0, 0, distance]]), "energy", "forces", kind=kind)
        for distance in (6.0, 3.9999, 4.0)
    )
    assert near["energy"].item() == pytest.approx(apart["energy"].item(), abs=1e-8)
    assert at["energy"].item() == apart["energy"].item()
    assert float(near["forces"].abs().max()) < 1e-4


@pytest.mark.parametrize("symbol", ["He", "Og"])
def test_unknown_elements(evaluate, symbol):
    batch = [Atoms("H2", [[0, 0, 0], [0, 0, 0.75]]), Atoms(["O", symbol], [[0, 0, 0], [0, 0, 2]])]
    with pytest.raises(UnsupportedElementError, match=symbol):
        evaluate(batch, "energy")


def test_kinds_of_dtype(model, structures, pipeline):
    """Weights and positions may each be float32 or float64; answers are as the positions."""
    atoms = structures["rock salt"]
    reference = pipeline(model)(Batch.from_ase(atoms), set(ALL))
    for weights in (torch.float32, torch.float64):
        for dtype in (torch.float32, torch.float64):
            out = pipeline(copy.deepcopy(model).to(weights))(Batch.from_ase(atoms, dtype=dtype), set(ALL))
            for name in ALL:
                assert out[name].dtype == dtype
                torch.testing.assert_close(out[name].double(), reference[name], rtol=2e-5, atol=2e-5)
