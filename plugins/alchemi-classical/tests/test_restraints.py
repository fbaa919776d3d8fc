"""Restraints: closed forms, derivatives, periodic images, batches."""

import copy
import math
import pickle

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import molecule
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model, load_pipeline
from alchemi_core.errors import DataError, GeometryError

RATTLED = [[0.1, -0.2, 0.3], [1.3, 0.2, 0.1], [0.2, 1.6, 0.4], [-0.9, 0.3, 1.1]]
SKEWED = [[4.0, 0.2, 0.0], [1.9, 3.6, 0.3], [-0.7, 0.8, 4.4]]
POINTS = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.5], [0.0, 2.0, 0.0], [-1.0, 0.0, 1.5]]


def cluster():
    return Atoms("CHON", RATTLED)


def crystal():
    return Atoms("CHON", RATTLED, cell=SKEWED, pbc=True)


def distances(*restraints):
    return {"restraints": [{"atoms": pair, "r0": r0, "k": k, **more} for pair, r0, k, more in restraints]}


def angles(*restraints):
    return {"restraints": [{"atoms": three, "theta0": t, "k": k, **more} for three, t, k, more in restraints]}


def dumbbell(distance):
    return Atoms("CO", [[0.2, 0.1, 0.0], np.array([0.2, 0.1, 0.0]) + distance * np.array([2.0, 1.0, -2.0]) / 3.0])


def bent(degrees):
    turn = math.radians(degrees)
    return Atoms("HOH", [[1.1, 0, 0], [0, 0, 0], [0.9 * math.cos(turn), round(0.9 * math.sin(turn), 15), 0]])


CASES = {
    "positions": ("restrain-positions", {"k": 3.0, "reference": POINTS}),
    "some positions": ("restrain-positions", {"k": [3.0, 1.5], "atoms": [3, 1], "reference": POINTS[2:]}),
    "flat positions": ("restrain-positions", {"k": 3.0, "reference": POINTS, "flat": 0.35}),
    "distances": ("restrain-distances", distances(((0, 1), 1.0, 4.0, {}), ((2, 1), 2.5, 2.0, {}))),
    "distances to zero": ("restrain-distances", distances(((0, 1), 0.0, 4.0, {}))),
    "walls": (
        "restrain-distances",
        distances(
            ((0, 1), 1.0, 4.0, {"side": "above"}),
            ((2, 1), 2.5, 2.0, {"side": "below"}),
            ((2, 3), 1.0, 2.0, {"flat": 0.2}),
        ),
    ),
    "angles": ("restrain-angles", angles(((1, 0, 2), 100.0, 4.0, {}), ((3, 1, 2), 60.0, 2.0, {}))),
    "straight angles": ("restrain-angles", angles(((1, 0, 2), 180.0, 4.0, {}), ((3, 1, 2), 0.0, 2.0, {}))),
    "angle walls": (
        "restrain-angles",
        angles(((1, 0, 2), 60.0, 4.0, {"side": "above"}), ((3, 1, 2), 120.0, 2.0, {"flat": 20.0})),
    ),
}
EACH = pytest.mark.parametrize(("name", "options"), CASES.values(), ids=CASES)


@EACH
def test_forces_and_stress(differentiated, name, options):
    slab, left_handed = crystal(), crystal()
    slab.pbc = (True, False, True)
    left_handed.set_cell(left_handed.cell.array[[1, 0, 2]])
    differentiated([cluster(), crystal(), slab, left_handed], name, step=1e-5, rtol=1e-6, atol=1e-7, **options)


@EACH
def test_hessian(evaluate, hessian, name, options):
    atoms, step = cluster(), 1e-5
    matrix, expected = hessian(atoms, name, **options), np.zeros((12, 12))
    torch.testing.assert_close(matrix, matrix.T, rtol=1e-10, atol=1e-10)
    for place in range(12):
        ends = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions.flat[place] += sign * step
            ends.append(-evaluate(moved, name, requested=("forces",), **options)["forces"].numpy().ravel())
        expected[place] = (ends[0] - ends[1]) / (2 * step)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(matrix, expected, rtol=1e-6, atol=1e-7)


@EACH
def test_a_batch_is_its_systems_one_by_one(evaluate, name, options):
    systems = [cluster(), crystal(), Atoms("CHON", np.array(RATTLED)[::-1])]
    together = evaluate(systems, name, **options)
    alone = [evaluate(atoms, name, **options) for atoms in systems]
    torch.testing.assert_close(together["energy"], torch.cat([out["energy"] for out in alone]), rtol=1e-13, atol=1e-14)
    torch.testing.assert_close(together["forces"], torch.cat([out["forces"] for out in alone]), rtol=1e-12, atol=1e-13)
    assert evaluate([], name, **options)["energy"].shape == (0, 1)


@EACH
def test_wrapping_atoms_into_the_cell_changes_nothing(evaluate, name, options):
    moved = crystal()
    moved.positions += np.array([[2, -1, 0], [0, 0, 3], [-1, -1, -1], [0, 5, 0]]) @ moved.cell.array
    requested = ("energy", "forces", "stress")
    first, second = (evaluate(atoms, name, requested=requested, **options) for atoms in (crystal(), moved))
    for quantity in requested:
        torch.testing.assert_close(first[quantity], second[quantity], rtol=1e-10, atol=1e-11)


@EACH
def test_float32(evaluate, name, options):
    requested = ("energy", "forces", "stress")
    low, high = (
        evaluate(crystal(), name, requested=requested, dtype=dtype, **options)
        for dtype in (torch.float32, torch.float64)
    )
    for quantity in requested:
        assert low[quantity].dtype == torch.float32
        torch.testing.assert_close(low[quantity].double(), high[quantity], rtol=5e-5, atol=5e-5)


@EACH
def test_copies_and_files_compute_the_same(name, options, tmp_path):
    batch, model = Batch.from_ase(crystal()), create_model(name, **options)
    pipe = PipelineModelWrapper(groups=[PipelineGroup([model], use_autograd=True)])
    pipe.save(tmp_path / "pipe.alchemi")
    energy = pipe(batch)["energy"].item()
    assert energy > 0.0
    assert load_pipeline(tmp_path / "pipe.alchemi")(batch)["energy"].item() == energy
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        again = PipelineModelWrapper(groups=[PipelineGroup([other], use_autograd=True)])
        assert again(batch)["energy"].item() == energy


@EACH
def test_systems_without_the_atoms_are_refused(evaluate, name, options):
    for small in (Atoms("H", [[0, 0, 0]]), Atoms()):
        with pytest.raises(DataError, match=r"system 1 has [01] atoms"):
            evaluate([cluster(), small], name, **options)


class TestDistances:
    @settings(deadline=None)
    @given(distance=st.floats(0.3, 5.0), r0=st.floats(0.0, 5.0), k=st.floats(0.1, 50.0), flat=st.floats(0.0, 1.0))
    def test_any(self, distance, r0, k, flat):
        for side in ("both", "above", "below") if r0 > 0 else ("both", "above"):
            options = distances(((0, 1), r0, k, {"flat": flat, "side": side}))
            pipe = PipelineModelWrapper(groups=[PipelineGroup([create_model("restrain-distances", **options)])])
            energy = pipe(Batch.from_ase(dumbbell(distance)), requested={"energy"})["energy"].item()
            off = distance - r0 if side == "above" else r0 - distance if side == "below" else abs(distance - r0)
            assert energy == pytest.approx(0.5 * k * max(0.0, off - flat) ** 2, rel=1e-9, abs=1e-12)

    def test_force_pulls_along_the_bond(self, evaluate):
        forces = evaluate(dumbbell(1.7), "restrain-distances", **distances(((0, 1), 1.2, 6.0, {})))["forces"]
        np.testing.assert_allclose(forces, np.outer([3.0, -3.0], [2, 1, -2]) / 3.0, rtol=1e-12)

    def test_curvature_at_rest_is_k(self, hessian):
        matrix = hessian(dumbbell(1.2), "restrain-distances", **distances(((0, 1), 1.2, 6.0, {})))
        axis = torch.tensor([2.0, 1.0, -2.0], dtype=torch.float64) / 3.0
        torch.testing.assert_close(matrix[:3, 3:], -6.0 * axis[:, None] * axis, rtol=1e-10, atol=1e-10)

    def test_atoms_drawn_to_one_place_may_be_there(self, evaluate, hessian):
        options = distances(((0, 1), 0.0, 6.0, {}))
        together = Atoms("CO", [[0.5, 0, 0], [0.5, 0, 0]])
        out = evaluate(together, "restrain-distances", **options)
        assert out["energy"].item() == 0.0
        assert out["forces"].abs().max() == 0.0
        matrix = hessian(together, "restrain-distances", **options)
        torch.testing.assert_close(matrix[:3, :3], 6.0 * torch.eye(3, dtype=torch.float64))

    def test_atoms_to_be_kept_apart_may_not_be_at_one_place(self, evaluate):
        together = Atoms("CO", [[0.5, 0, 0], [0.5, 0, 0]])
        for more in ({}, {"side": "below"}):
            options = distances(((0, 1), 1.0, 6.0, more))
            with pytest.raises(GeometryError, match=r"atom 0 \(C\) of system 1 and atom 1 \(O\) of system 1"):
                evaluate([dumbbell(1.0), together], "restrain-distances", **options)
        wall = distances(((0, 1), 1.0, 6.0, {"side": "above"}))
        assert evaluate(together, "restrain-distances", **wall)["forces"].abs().max() == 0.0

    def test_a_given_shift_says_which_image(self, evaluate):
        atoms = Atoms("CO", [[0, 0, 0], [0, 0, 1.0]], cell=[9, 9, 5.0], pbc=True)
        near, far = distances(((0, 1), 1.0, 2.0, {})), distances(((0, 1), 1.0, 2.0, {"shift": (0, 0, 1)}))
        assert evaluate(atoms, "restrain-distances", **near)["energy"].item() == pytest.approx(0.0, abs=1e-20)
        assert evaluate(atoms, "restrain-distances", **far)["energy"].item() == pytest.approx(25.0, rel=1e-12)
        straight = distances(((0, 1), 3.0, 2.0, {"shift": (0, 0, 0)}))
        atoms.positions[1, 2] = 4.0
        assert evaluate(atoms, "restrain-distances", **straight)["energy"].item() == pytest.approx(1.0, rel=1e-12)

    def test_a_shift_along_no_period_is_refused(self, evaluate):
        options = distances(((0, 1), 1.0, 2.0, {"shift": (0, 0, 1)}))
        slab = Atoms("CO", [[0, 0, 0], [0, 0, 1.0]], cell=[9, 9, 5.0], pbc=(True, True, False))
        for atoms in (slab, dumbbell(1.0)):
            with pytest.raises(DataError, match=r"shift \[0, 0, 1\] in system 0"):
                evaluate(atoms, "restrain-distances", **options)


class TestAngles:
    @pytest.mark.parametrize("theta0", [0.0, 30.0, 104.5, 180.0])
    @pytest.mark.parametrize("theta", [0.0, 1e-6, 1e-3, 1.7, 1.9, 60.0, 90.0, 179.0, 179.99999, 180.0])
    def test_any(self, evaluate, theta, theta0):
        out = evaluate(bent(theta), "restrain-angles", **angles(((0, 1, 2), theta0, 5.0, {})))
        expected = 2.5 * math.radians(theta - theta0) ** 2
        assert out["energy"].item() == pytest.approx(expected, rel=1e-9, abs=1e-15)
        slope = 5.0 * abs(math.radians(theta - theta0))
        flat = theta in (0.0, 180.0)
        # dθ/dr is one over the arm, across it
        assert out["forces"][0].norm().item() == pytest.approx(0.0 if flat else slope / 1.1, rel=1e-6, abs=1e-9)
        assert out["forces"].isfinite().all()

    @pytest.mark.parametrize(("theta", "theta0"), [(180.0, 180.0), (0.0, 0.0), (179.99, 180.0), (0.01, 0.0)])
    def test_bending_a_line_is_as_stiff_as_it_should_be(self, hessian, theta, theta0):
        """Displacing the middle atom by z across the arms a and b bends by z/a + z/b, z/a − z/b where it is folded."""
        atoms = bent(theta)
        matrix = hessian(atoms, "restrain-angles", **angles(((0, 1, 2), theta0, 5.0, {})))
        sign = 1.0 if theta0 == 180.0 else -1.0
        expected = 5.0 * (1.0 / 1.1 + sign / 0.9) ** 2
        assert matrix[5, 5].item() == pytest.approx(expected, rel=1e-5 if theta % 180.0 else 1e-12)
        torch.testing.assert_close(matrix, matrix.T, rtol=1e-10, atol=1e-10)

    def test_the_square_of_small_angles_is_smooth_where_its_series_ends(self):
        from alchemi_classical.restraints.angles import squared_angle

        for t in (0.999e-3, 1.001e-3):
            across = torch.tensor([t], dtype=torch.float64, requires_grad=True)
            square = squared_angle(across, torch.ones(1, dtype=torch.float64))
            (first,) = torch.autograd.grad(square, across, create_graph=True)
            (second,) = torch.autograd.grad(first, across)
            root = math.sqrt(t)
            slope = math.atan(root) / (root * (1 + t))
            assert square.item() == pytest.approx(math.atan(root) ** 2, rel=1e-14)
            assert first.item() == pytest.approx(slope, rel=1e-13)
            curve = (1 / (1 + t) - math.atan(root) * (1 + 3 * t) / (root * (1 + t))) / (2 * t * (1 + t))
            assert second.item() == pytest.approx(curve, rel=1e-9)

    def test_water(self, evaluate):
        water = molecule("H2O")
        theta = water.get_angle(1, 0, 2)
        out = evaluate(water, "restrain-angles", **angles(((1, 0, 2), 100.0, 5.0, {})))
        assert out["energy"].item() == pytest.approx(2.5 * math.radians(theta - 100.0) ** 2, rel=1e-9)

    def test_the_vertex_must_be_apart_from_the_ends(self, evaluate):
        atoms = Atoms("HOH", [[1, 0, 0], [1, 0, 0], [0, 1, 0]])
        with pytest.raises(GeometryError, match=r"atom 1 \(O\) of system 0 and atom 0 \(H\) of system 0"):
            evaluate(atoms, "restrain-angles", **angles(((0, 1, 2), 90.0, 5.0, {})))
