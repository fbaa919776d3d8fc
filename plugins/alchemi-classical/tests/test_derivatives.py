"""Forces, stress and Hessian against central differences; ends against their promise of smoothness."""

import itertools

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk

PAIRS = {
    "morse": {
        "Cu-Cu": {"D": 0.34, "a": 1.36, "r0": 2.87},
        "Cu-O": {"D": 0.9, "a": 1.6, "r0": 1.95},
        "O-O": {"D": 0.1, "a": 1.2, "r0": 3.2},
    },
    "buckingham": {
        "Cu-Cu": {"A": 900.0, "rho": 0.25},
        "Cu-O": {"A": 1400.0, "rho": 0.29},
        "O-O": {"A": 22764.3, "rho": 0.149, "C": 27.88},
    },
    "born-mayer": {
        "Cu-Cu": {"A": 0.26, "rho": 0.32, "sigma": 2.3, "C": 1.0, "D": -0.5},
        "Cu-O": {"A": 0.21, "rho": 0.32, "sigma": 1.9, "C": 2.0, "D": 1.0},
        "O-O": {"A": 0.16, "rho": 0.32, "sigma": 2.4},
    },
}
ENDS = {
    "shifted": {"cutoff": 5.5},
    "switched": {"cutoff": 5.5, "switch_on": 3.0},
    "plain": {"cutoff": 5.5, "shift": False},
}
CASES = {f"{name}, {end}": (name, {"pairs": PAIRS[name], **more}) for name in PAIRS for end, more in ENDS.items()}
CASES |= {
    "zbl": ("zbl", {"inner": 1.5, "outer": 3.0}),
    "zbl, covalent": ("zbl", {"outer": "covalent"}),
    "silent": ("morse", {"pairs": {"Cu-O": PAIRS["morse"]["Cu-O"]}, "non_interacting": "rest", "cutoff": 5.0}),
}


def structures():
    crystal = bulk("CuO", "rocksalt", a=4.2, cubic=True)
    crystal.rattle(0.12, seed=3)
    crystal.set_cell(crystal.cell.array @ [[1.0, 0.08, 0.0], [0.0, 1.0, 0.1], [0.0, 0.0, 1.05]], scale_atoms=True)
    cluster = Atoms("CuOCu", [[0.0, 0.0, 0.0], [1.5, 0.4, 0.1], [-0.2, 1.7, 1.3]])
    slab = bulk("CuO", "rocksalt", a=3.4)
    slab.pbc = (True, True, False)
    slab.rattle(0.1, seed=4)
    return [cluster, crystal, slab]


@pytest.mark.parametrize("case", CASES)
def test_forces_and_stress(differentiated, case):
    name, options = CASES[case]
    # a plain cut makes the energy jump where a pair passes the cutoff: none is within a step of it
    differentiated(structures(), name, step=1e-5, rtol=1e-6, atol=2e-7, **options)


@pytest.mark.parametrize("case", CASES)
def test_hessian(evaluate, hessian, case):
    name, options = CASES[case]
    atoms = structures()[0]
    matrix, step = hessian(atoms, name, **options), 1e-5
    torch.testing.assert_close(matrix, matrix.T, rtol=1e-10, atol=1e-10)
    expected = np.zeros((9, 9))
    for place in range(9):
        ends = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions.flat[place] += sign * step
            ends.append(-evaluate(moved, name, requested=("forces",), **options)["forces"].numpy().ravel())
        expected[place] = (ends[0] - ends[1]) / (2 * step)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(matrix, expected, rtol=2e-6, atol=1e-6)


SMOOTH = {
    "morse": ("CuO", [3.0, 5.5], *CASES["morse, switched"]),
    "buckingham": ("O2", [3.0, 5.5], *CASES["buckingham, switched"]),
    "zbl": ("CuO", [1.5, 3.0], *CASES["zbl"]),
    "zbl, covalent": ("CuO", [1.98], *CASES["zbl, covalent"]),
}


@pytest.mark.parametrize("case", SMOOTH)
def test_ends_are_smooth_to_second_order(hessian, evaluate, case):
    """Energy, force and curvature just before and behind each end tend to each other like the step."""
    symbols, places, name, options = SMOOTH[case]
    step = 1e-5

    def along(distance):
        pair = Atoms(symbols, [[0, 0, 0], [distance, 0, 0]])
        out = evaluate(pair, name, **options)
        return out["energy"].item(), out["forces"][0, 0].item(), hessian(pair, name, **options)[0, 0].item()

    for place in places:
        before, behind = along(place - step), along(place + step)
        nearby = along(place - 100 * step)
        for left, right, slope in zip(before, behind, (nearby[1], nearby[2], 1000.0), strict=True):
            assert left == pytest.approx(right, abs=4 * step * max(abs(slope), 1e-2))


def test_nothing_is_left_at_the_cutoff(evaluate):
    for symbols, places, name, options in SMOOTH.values():
        out = evaluate(Atoms(symbols, [[0, 0, 0], [places[-1] - 1e-5, 0, 0]]), name, **options)
        assert abs(out["energy"].item()) < 1e-10
        assert out["forces"].abs().max() < 1e-6


@pytest.mark.parametrize(("name", "parameter"), [("morse", "D"), ("buckingham", "rho"), ("born-mayer", "sigma")])
def test_parameters_can_be_trained(name, parameter):
    """dE/dp by autograd against differences, the shift at the cutoff included."""
    from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model

    batch = Batch.from_ase(structures())
    model = create_model(name, pairs=PAIRS[name], cutoff=5.5)
    pipe = PipelineModelWrapper(groups=[PipelineGroup([model], use_autograd=True)]).train()
    pipe(batch, requested={"energy"})["energy"].sum().backward()
    gradient, step = model.coefficients[parameter].grad, 1e-6
    for row, pair in itertools.islice(enumerate(PAIRS[name]), 1, 3):
        ends = []
        for sign in (1, -1):
            pairs = {p: dict(v) for p, v in PAIRS[name].items()}
            pairs[pair][parameter] = pairs[pair].get(parameter, 0.0) + sign * step
            other = PipelineModelWrapper(groups=[PipelineGroup([create_model(name, pairs=pairs, cutoff=5.5)])])
            ends.append(other(batch, requested={"energy"})["energy"].sum().item())
        assert gradient[row].item() == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-5)
