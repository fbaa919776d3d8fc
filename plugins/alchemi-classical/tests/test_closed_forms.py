"""Pairs whose energy anyone can write down."""

import math

import numpy as np
import pytest
import torch
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model
from alchemi_core.quantities import COULOMB_CONSTANT

COPPER = {"D": 0.3429, "a": 1.3588, "r0": 2.866}


def dimer(distance, symbols="Cu2"):
    start = np.array([0.3, -0.2, 0.9])
    return Atoms(symbols, [start, start + distance * np.array([1.0, 2.0, -2.0]) / 3.0])


def energy(name, distance, symbols="Cu2", **options):
    pipe = PipelineModelWrapper(groups=[PipelineGroup([create_model(name, **options)])])
    return pipe(Batch.from_ase(dimer(distance, symbols)), requested={"energy"})["energy"].item()


def morse(distance, **options):
    return energy("morse", distance, **{"pairs": {"Cu-Cu": COPPER}, "cutoff": 40.0, "shift": False, **options})


def test_morse_well():
    assert morse(COPPER["r0"]) == pytest.approx(-COPPER["D"], rel=1e-14)
    assert morse(COPPER["r0"] - math.log(2.0) / COPPER["a"]) == pytest.approx(0.0, abs=1e-14)


def test_morse_curvature_is_two_d_a_squared(hessian):
    matrix = hessian(dimer(COPPER["r0"]), "morse", pairs={"Cu-Cu": COPPER}, cutoff=40.0, shift=False)
    stiff = 2.0 * COPPER["D"] * COPPER["a"] ** 2
    axis = torch.tensor([1.0, 2.0, -2.0], dtype=torch.float64) / 3.0
    torch.testing.assert_close(matrix[:3, 3:], -stiff * axis[:, None] * axis, rtol=1e-12, atol=1e-12)


def test_shift_lowers_a_pair_by_its_energy_at_the_cutoff():
    fall = math.exp(-COPPER["a"] * (5.0 - COPPER["r0"]))
    at_cutoff = COPPER["D"] * (fall**2 - 2.0 * fall)
    assert morse(COPPER["r0"], cutoff=5.0, shift=None) == pytest.approx(-COPPER["D"] - at_cutoff, rel=1e-13)


def test_switch_half_way_halves_the_energy():
    r0 = COPPER["r0"]
    assert morse(r0, cutoff=r0 + 1.0, switch_on=r0 - 1.0, shift=None) == pytest.approx(-COPPER["D"] / 2, rel=1e-13)
    assert morse(r0, cutoff=r0 + 1.0, switch_on=r0 + 0.5, shift=None) == pytest.approx(-COPPER["D"], rel=1e-14)


def test_shift_and_switch_together():
    r0, fall = COPPER["r0"], math.exp(-COPPER["a"])
    at_cutoff = COPPER["D"] * (fall**2 - 2.0 * fall)
    both = morse(r0, cutoff=r0 + 1.0, switch_on=r0 - 1.0, shift=True)
    assert both == pytest.approx((-COPPER["D"] - at_cutoff) / 2, rel=1e-13)


def test_a_pair_may_have_lengths_of_its_own():
    pairs = {"Cu-Cu": {**COPPER, "cutoff": 3.0}, "Cu-O": {**COPPER, "cutoff": 4.0}}
    options = {"pairs": pairs, "non_interacting": "O-O", "cutoff": None}
    assert morse(3.5, **options) == 0.0
    assert morse(3.5, symbols="CuO", **options) < -0.1
    switched = {"Cu-Cu": {**COPPER, "switch_on": COPPER["r0"] - 1.0}}
    assert morse(COPPER["r0"], pairs=switched, cutoff=COPPER["r0"] + 1.0) == pytest.approx(-COPPER["D"] / 2, rel=1e-13)


@settings(deadline=None)
@given(distance=st.floats(1.0, 6.0), a=st.floats(1.0, 5e4), rho=st.floats(0.1, 0.5), c=st.floats(0.0, 50.0))
def test_any_buckingham_pair(distance, a, rho, c):
    pairs = {"Cu-Cu": {"A": a, "rho": rho, "C": c}}
    got = energy("buckingham", distance, pairs=pairs, cutoff=8.0, shift=False, collapse="allow")
    wall, rest = a * math.exp(-distance / rho), c / distance**6
    assert got == pytest.approx(wall - rest, rel=1e-12, abs=1e-13 * (wall + rest))


@settings(deadline=None)
@given(distance=st.floats(1.0, 6.0), sigma=st.floats(0.0, 3.0), c=st.floats(-50.0, 50.0), d=st.floats(-50.0, 50.0))
def test_any_born_mayer_pair(distance, sigma, c, d):
    pairs = {"Cu-Cu": {"A": 0.2, "rho": 0.3, "sigma": sigma, "C": c, "D": d}}
    got = energy("born-mayer", distance, pairs=pairs, cutoff=8.0, shift=False, collapse="allow")
    terms = 0.2 * math.exp((sigma - distance) / 0.3), -c / distance**6, d / distance**8
    assert got == pytest.approx(sum(terms), rel=1e-12, abs=1e-13 * sum(map(abs, terms)))


def test_born_mayer_without_its_further_terms_is_an_exponential():
    got = energy("born-mayer", 2.5, pairs={"Cu-Cu": {"A": 1256.31, "rho": 0.3164}}, cutoff=8.0, shift=False)
    assert got == pytest.approx(1256.31 * math.exp(-2.5 / 0.3164), rel=1e-13)


def universal(distance, first, second):
    """The formula of Ziegler, Biersack and Littmark, term by term."""
    x = distance * (first**0.23 + second**0.23) / 0.46850
    phi = 0.18175 * math.exp(-3.19980 * x) + 0.50986 * math.exp(-0.94229 * x)
    phi += 0.28022 * math.exp(-0.40290 * x) + 0.02817 * math.exp(-0.20162 * x)
    return COULOMB_CONSTANT * first * second / distance * phi


@pytest.mark.parametrize(
    ("symbols", "first", "second"), [("H2", 1, 1), ("CuO", 29, 8), ("U2", 92, 92), ("Og2", 118, 118)]
)
def test_zbl_differences_inside_are_those_of_the_formula(symbols, first, second):
    """Inside `inner` LAMMPS adds a constant, which differences do not see."""
    got = energy("zbl", 0.2, symbols, inner=1.0, outer=2.0) - energy("zbl", 0.7, symbols, inner=1.0, outer=2.0)
    assert got == pytest.approx(universal(0.2, first, second) - universal(0.7, first, second), rel=1e-12)


def test_zbl_of_two_protons_by_hand():
    """At r = 0.23425 Å, the screening length of two protons, φ(1) = 0.00741 + 0.19871 + 0.18729 + 0.02303 = 0.41644."""
    far = {"inner": 30.0, "outer": 31.0}
    assert energy("zbl", 0.23425, "H2", **far) == pytest.approx(14.39965 / 0.23425 * 0.41644, rel=1e-5)


def test_zbl_is_bare_coulomb_repulsion_close_by():
    assert energy("zbl", 1e-5, "CuO", inner=1.0, outer=2.0) == pytest.approx(COULOMB_CONSTANT * 232 / 1e-5, rel=1e-3)


@pytest.mark.parametrize(("symbols", "numbers", "contact"), [("CuO", (29, 8), 1.32 + 0.66), ("H2", (1, 1), 0.62)])
def test_zbl_within_covalent_radii(symbols, numbers, contact):
    """Radii of Cordero et al.; at half the contact the envelope is 1 − 28/64 + 48/128 − 21/256."""
    got = energy("zbl", contact / 2, symbols, outer="covalent")
    assert got == pytest.approx(universal(contact / 2, *numbers) * (1 - 28 / 64 + 48 / 128 - 21 / 256), rel=1e-12)
    assert energy("zbl", contact + 1e-9, symbols, outer="covalent") == 0.0


def test_node_energies_share_each_pair_evenly(evaluate):
    atoms = Atoms("Cu3", [[0, 0, 0], [2.5, 0, 0], [5.4, 0, 0]])
    options = {"pairs": {"Cu-Cu": COPPER}, "cutoff": 3.0, "shift": False}
    nodes = evaluate(atoms, "morse", requested=("energy", "node_energies"), **options)["node_energies"]
    first, second = morse(2.5), morse(2.9)
    np.testing.assert_allclose(nodes, [first / 2, (first + second) / 2, second / 2], rtol=1e-13)
