"""Restraints of positions: closed forms, where points come from, and what they do under strain."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, molecule

from alchemi_core import create_model
from alchemi_core.errors import DataError, WiringError

RATTLED = [[0.1, -0.2, 0.3], [1.3, 0.2, 0.1], [0.2, 1.6, 0.4], [-0.9, 0.3, 1.1]]
SKEWED = [[4.0, 0.2, 0.0], [1.9, 3.6, 0.3], [-0.7, 0.8, 4.4]]
POINTS = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.5], [0.0, 2.0, 0.0], [-1.0, 0.0, 1.5]]


def cluster():
    return Atoms("CHON", RATTLED)


def crystal():
    return Atoms("CHON", RATTLED, cell=SKEWED, pbc=True)


def test_closed_form(evaluate):
    out = evaluate(cluster(), "restrain-positions", k=3.0, reference=POINTS)
    off = np.array(RATTLED) - np.array(POINTS)
    assert out["energy"].item() == pytest.approx(1.5 * np.sum(off**2), rel=1e-13)
    np.testing.assert_allclose(out["forces"], -3.0 * off, atol=1e-13)


def test_at_rest(evaluate, hessian):
    options = {"k": 3.0, "reference": RATTLED}
    assert evaluate(cluster(), "restrain-positions", **options)["forces"].abs().max() == 0.0
    torch.testing.assert_close(
        hessian(cluster(), "restrain-positions", **options), 3.0 * torch.eye(12, dtype=torch.float64)
    )


def test_flat_bottom(evaluate):
    out = evaluate(cluster(), "restrain-positions", k=3.0, reference=POINTS, flat=0.5)
    lengths = np.linalg.norm(np.array(RATTLED) - np.array(POINTS), axis=1)
    beyond = np.maximum(0.0, lengths - 0.5)
    assert 0 < np.count_nonzero(beyond) < 4
    assert out["energy"].item() == pytest.approx(1.5 * np.sum(beyond**2), rel=1e-12)
    np.testing.assert_allclose(np.linalg.norm(out["forces"], axis=1), 3.0 * beyond, atol=1e-13)


def test_points_brought_by_the_batch(evaluate):
    systems = [cluster(), crystal()]
    points = torch.tensor(POINTS + RATTLED, dtype=torch.float64)
    out = evaluate(systems, "restrain-positions", k=3.0, fields={"reference_positions": points})
    alone = evaluate(cluster(), "restrain-positions", k=3.0, reference=POINTS)
    torch.testing.assert_close(out["energy"], torch.cat([alone["energy"], torch.zeros(1, 1).double()]))
    some = evaluate(systems, "restrain-positions", k=3.0, atoms=[2], fields={"reference_positions": points})
    assert some["forces"][[0, 1, 3, 4, 5, 7]].abs().max() == 0.0
    assert some["forces"][2].norm() > 1.0


def test_points_of_another_shape_are_refused(evaluate):
    with pytest.raises(DataError, match=r"reference_positions has shape \[3, 3\]"):
        evaluate(cluster(), "restrain-positions", k=3.0, fields={"reference_positions": torch.zeros(3, 3)})


def test_points_that_nobody_brings_are_missed_by_name(evaluate):
    with pytest.raises(WiringError, match="reference_positions"):
        evaluate(cluster(), "restrain-positions", k=3.0)


def test_as_many_points_as_atoms(evaluate):
    with pytest.raises(DataError, match="system 1 has 3 atoms, and there are points or spring constants for 4"):
        evaluate([cluster(), molecule("H2O")], "restrain-positions", k=3.0, reference=POINTS)


def test_stress_of_fixed_points_depends_on_the_origin_and_that_of_fractions_does_not(evaluate):
    """(1/V) Σ k Δ ⊗ r made symmetric, and (1/V) Σ k Δ ⊗ Δ; fractions of the cell are the same points."""
    atoms = crystal()
    off, volume = np.array(RATTLED) - np.array(POINTS), atoms.get_volume()
    fractions = (np.array(POINTS) @ np.linalg.inv(SKEWED)).tolist()
    asked = {"requested": ("energy", "stress"), "k": 3.0}
    fixed = evaluate(atoms, "restrain-positions", reference=POINTS, **asked)
    moving = evaluate(atoms, "restrain-positions", reference=fractions, fractional=True, **asked)
    assert moving["energy"].item() == pytest.approx(fixed["energy"].item(), rel=1e-12)
    expected = 3.0 * off.T @ np.array(RATTLED) / volume
    np.testing.assert_allclose(fixed["stress"][0], (expected + expected.T) / 2.0, atol=1e-13)
    np.testing.assert_allclose(moving["stress"][0], 3.0 * off.T @ off / volume, atol=1e-13)


def test_fractions_need_a_cell(differentiated, evaluate):
    options = {"k": 3.0, "reference": [[0.1, 0.2, 0.3]] * 4, "fractional": True}
    differentiated(crystal(), "restrain-positions", **options)
    for systems in (cluster(), [crystal(), cluster()]):
        with pytest.raises(DataError, match="no cell"):
            evaluate(systems, "restrain-positions", **options)


def test_as_an_ase_calculator():
    start = bulk("Cu", cubic=True)
    pipe = 1.0 * create_model("restrain-positions", k=5.0, reference=start.positions.tolist())
    atoms = start.copy()
    atoms.positions[1] += [0.1, 0.0, 0.0]
    atoms.calc = pipe.as_ase()
    assert atoms.get_potential_energy() == pytest.approx(0.025, rel=1e-10)
    np.testing.assert_allclose(atoms.get_forces()[1], [-0.5, 0.0, 0.0], atol=1e-12)
