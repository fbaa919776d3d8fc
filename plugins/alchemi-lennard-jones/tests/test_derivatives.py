"""Forces and stress against central differences; the switch against its promise of smoothness."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

SWITCHED = {"epsilon": {"Ar": 0.0104, "Kr": 0.0140}, "sigma": {"Ar": 3.40, "Kr": 3.65}, "cutoff": 7.9, "switch_on": 5.0}
BOTH = pytest.mark.parametrize("derivatives", ["graph", "analytic"])


@pytest.fixture
def alloy():
    atoms = bulk("Ar", "fcc", a=5.4, cubic=True)
    atoms.symbols[[0, 2]] = "Kr"
    atoms.rattle(0.15, seed=3)
    atoms.set_cell(atoms.cell.array @ [[1.0, 0.08, 0.0], [0.0, 1.0, 0.1], [0.0, 0.0, 1.05]], scale_atoms=True)
    return atoms


def energy_of(evaluate, atoms):
    return evaluate(atoms, requested=("energy",), **SWITCHED)["energy"].item()


@BOTH
def test_forces(evaluate, alloy, derivatives):
    forces = evaluate(alloy, derivatives=derivatives, **SWITCHED)["forces"]
    step, expected = 1e-4, np.zeros((len(alloy), 3))
    for place in np.ndindex(expected.shape):
        ends = []
        for sign in (1, -1):
            moved = alloy.copy()
            moved.positions[place] += sign * step
            ends.append(energy_of(evaluate, moved))
        expected[place] = -(ends[0] - ends[1]) / (2 * step)
    np.testing.assert_allclose(forces, expected, rtol=1e-6, atol=1e-9)


@BOTH
def test_stress_and_virial(evaluate, alloy, derivatives):
    out = evaluate(alloy, requested=("stress", "virial"), derivatives=derivatives, **SWITCHED)
    step, expected = 1e-5, np.zeros((3, 3))
    for a, b in np.ndindex(3, 3):
        ends = []
        for sign in (1, -1):
            strain = np.eye(3)
            strain[a, b] += sign * step / 2
            strain[b, a] += sign * step / 2
            strained = alloy.copy()
            strained.set_cell(alloy.cell.array @ strain, scale_atoms=True)
            ends.append(energy_of(evaluate, strained))
        expected[a, b] = (ends[0] - ends[1]) / (2 * step)
    np.testing.assert_allclose(out["stress"][0], expected / alloy.get_volume(), rtol=1e-6, atol=1e-10)
    np.testing.assert_allclose(out["virial"][0], -expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("place", [5.0, 7.9])
def test_switch_is_smooth_to_second_order(evaluate, place):
    """Energy and slope are continuous; curvatures on both sides tend to each other like the step."""

    def pull(distance):
        pair = Atoms("ArKr", [[0, 0, 0], [distance, 0, 0]])
        out = evaluate(pair, derivatives="analytic", **SWITCHED)
        return out["energy"].item(), out["forces"][0, 0].item()

    step = 1e-4
    left, right = pull(place - step), pull(place + step)
    far_left, far_right = pull(place - 2 * step), pull(place + 2 * step)
    assert left[0] == pytest.approx(right[0], abs=3 * step * max(abs(left[1]), step))
    curvature_left, curvature_right = (left[1] - far_left[1]) / step, (far_right[1] - right[1]) / step
    assert curvature_left == pytest.approx(curvature_right, abs=20 * step * 0.01)


def test_nothing_is_left_at_the_cutoff(evaluate):
    out = evaluate(Atoms("ArKr", [[0, 0, 0], [7.9 - 1e-6, 0, 0]]), derivatives="analytic", **SWITCHED)
    assert abs(out["energy"].item()) < 1e-17
    assert out["forces"].abs().max() < 1e-14
