"""The model against closed forms."""

from __future__ import annotations

import math
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest
import torch
from alchemi_core import Batch, create_model, differentiate
from alchemi_core.errors import OptionError
from ase import Atoms

from alchemi_stillinger_weber.hooks import NAME
from alchemi_stillinger_weber.model import StillingerWeber
from alchemi_stillinger_weber.triplets import triplets

EPSILON, SIGMA = 2.1683, 2.0951
BOND = 2 ** (1 / 6) * SIGMA


def energy_of(atoms: Atoms, **options: Any) -> float:
    pipe = differentiate(create_model(NAME, **options), "autograd")
    return float(pipe(Batch.from_ase(atoms), {"energy"})["energy"].item())


def three(r: float, s: float, theta: float) -> Atoms:
    """Return an atom with neighbors at r and s and the angle theta between them."""
    return Atoms("Si3", [(0, 0, 0), (r, 0, 0), (s * math.cos(theta), s * math.sin(theta), 0)])


def test_a_pair_is_bound_by_epsilon() -> None:
    """Stillinger and Weber chose A and B for a depth of ε at 2^(1/6) σ."""
    dimer = Batch.from_ase(Atoms("Si2", [(0, 0, 0), (0, 0, BOND)]))
    out = differentiate(create_model(NAME), "autograd")(dimer, {"energy", "forces"})
    assert out["energy"].item() == pytest.approx(-EPSILON, rel=1e-9)
    assert out["forces"].abs().max().item() < 1e-8


@pytest.mark.parametrize("theta", [1.2, 1.9, 2.8])
def test_an_angle_has_the_energy_of_the_closed_form(theta: float) -> None:
    r, s, gamma, cutoff = 2.3, 2.5, 1.2 * SIGMA, 1.8 * SIGMA
    window = math.exp(gamma / (r - cutoff)) * math.exp(gamma / (s - cutoff))
    expected = 21.0 * EPSILON * (math.cos(theta) + 1 / 3) ** 2 * window
    # the energy of the atom in the corner: where the ends are neighbors too, they are corners of other angles
    corner = node_energies(three(r, s, theta))[0] - node_energies(three(r, s, theta), lam=0.0)[0]
    assert corner == pytest.approx(expected, rel=1e-12)


def node_energies(atoms: Atoms, **options: Any) -> list[float]:
    pipe = differentiate(create_model(NAME, **options), "autograd")
    return [float(each) for each in pipe(Batch.from_ase(atoms), {"node_energies"})["node_energies"]]


def test_an_angle_of_the_tetrahedron_costs_nothing() -> None:
    atoms = three(2.3, 2.5, math.acos(-1 / 3))
    assert energy_of(atoms) == pytest.approx(energy_of(atoms, lam=0.0), rel=1e-12)


def test_every_angle_is_there_once() -> None:
    counts = [0, 3, 1, 0, 4, 2]
    ptr = torch.tensor([0, *np.cumsum(counts)], dtype=torch.int32)
    expected = {pair for a, b in pairwise(ptr.tolist()) for pair in combinations(range(a, b), 2)}
    first, second = triplets(ptr)
    assert len(first) == len(expected)
    assert set(zip(first.tolist(), second.tolist(), strict=True)) == expected


@pytest.mark.parametrize("counts", [[], [0], [1, 1], [0, 0, 0]])
def test_there_may_be_no_angles(counts: list[int]) -> None:
    first, second = triplets(torch.tensor([0, *np.cumsum(counts, dtype=int)], dtype=torch.int32))
    assert first.shape == second.shape == (0,)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_distance_rounded_onto_the_cutoff_has_no_energy(dtype: torch.dtype) -> None:
    model = StillingerWeber()
    distances = torch.tensor([model.cutoff * (1 - 1e-12), model.cutoff, model.cutoff * (1 + 1e-7)], dtype=dtype)
    energies = model.pair_energy(distances.requires_grad_())
    (slopes,) = torch.autograd.grad(energies.sum(), distances)
    assert energies.tolist() == slopes.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf, "1", True, None])
@pytest.mark.parametrize("option", ["epsilon", "sigma", "a", "lam", "gamma", "cos_theta0", "big_a", "big_b", "p", "q"])
def test_options_that_cannot_be_right_are_refused(option: str, value: Any) -> None:
    if (option, value) == ("cos_theta0", -1.0):
        value = -1.1
    with pytest.raises(OptionError, match=f"{option}="):
        create_model(NAME, **{option: value})
