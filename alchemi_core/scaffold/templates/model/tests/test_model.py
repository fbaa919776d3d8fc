"""The model against numbers that were found in another way."""

from __future__ import annotations

import math
from typing import Any

import pytest
from alchemi_core import Batch, create_model, differentiate
from alchemi_core.errors import OptionError
from ase import Atoms
from ase.build import bulk

from alchemi_my_plugin.hooks import NAME

OPTIONS: dict[str, Any] = {"depth": 0.34, "steepness": 1.3, "distance": 2.8, "cutoff": 6.5}


# FILL IN: the energy of a few structures by a closed form, the original program or a publication, with its source
def pair(r: float) -> float:
    """Return the closed form of a pair's energy in eV at the distance r in Å."""
    well = (1.0 - math.exp(-OPTIONS["steepness"] * (r - OPTIONS["distance"]))) ** 2 - 1.0
    return float(OPTIONS["depth"] * well * (1.0 - (r / OPTIONS["cutoff"]) ** 2) ** 3)


@pytest.mark.parametrize("r", [1.9, 2.8, 4.0, 6.4])
def test_a_pair_has_the_energy_and_the_forces_of_the_closed_form(r: float) -> None:
    dimer = Batch.from_ase(Atoms("Cu2", positions=[(0, 0, 0), (0, 0, r)]))
    out = differentiate(create_model(NAME, **OPTIONS), "autograd")(dimer, {"energy", "forces"})
    slope = (pair(r + 1e-5) - pair(r - 1e-5)) / 2e-5
    assert out["energy"].item() == pytest.approx(pair(r), rel=1e-12)
    assert out["forces"][1].tolist() == pytest.approx([0.0, 0.0, -slope], abs=1e-8)


def test_a_crystal_is_a_sum_over_shells() -> None:
    """Distance and number of neighbors in a face-centred cubic lattice: Kittel, Introduction to Solid State Physics."""
    a, shells = 3.7, {2: 12, 4: 6, 6: 24, 8: 12, 10: 24, 12: 8}
    crystal = Batch.from_ase(bulk("Cu", "fcc", a=a))
    energy = differentiate(create_model(NAME, **OPTIONS), "autograd")(crystal, {"energy"})["energy"]
    expected = 0.5 * sum(count * pair(a * math.sqrt(n / 4)) for n, count in shells.items())
    assert energy.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf, "1", True, None])
@pytest.mark.parametrize("option", sorted(OPTIONS))
def test_options_that_cannot_be_right_are_refused(option: str, value: Any) -> None:
    with pytest.raises(OptionError, match=option):
        create_model(NAME, **{option: value})
