"""The model against numbers that were found in another way, and the file that it is read from."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import pytest
from alchemi_core import Batch, create_model, differentiate
from alchemi_core.errors import InputFileError
from ase import Atoms

from alchemi_my_plugin.hooks import NAME

if TYPE_CHECKING:
    from pathlib import Path

PARAMETERS = {"depth": 0.34, "steepness": 1.3, "distance": 2.8, "cutoff": 6.5}


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """Return a file with parameters."""
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(PARAMETERS), encoding="utf-8")
    return path


# FILL IN: the energy of a few structures by a closed form, the original program or a publication, with its source
def pair(r: float) -> float:
    """Return the closed form of a pair's energy in eV at the distance r in Å."""
    well = (1.0 - math.exp(-PARAMETERS["steepness"] * (r - PARAMETERS["distance"]))) ** 2 - 1.0
    return PARAMETERS["depth"] * well * (1.0 - (r / PARAMETERS["cutoff"]) ** 2) ** 3


@pytest.mark.parametrize("r", [1.9, 2.8, 4.0, 6.4])
def test_a_pair_has_the_energy_and_the_forces_of_the_closed_form(mine: Path, r: float) -> None:
    dimer = Batch.from_ase(Atoms("Cu2", positions=[(0, 0, 0), (0, 0, r)]))
    out = differentiate(create_model(NAME, path=str(mine)), "autograd")(dimer, {"energy", "forces"})
    slope = (pair(r + 1e-5) - pair(r - 1e-5)) / 2e-5
    assert out["energy"].item() == pytest.approx(pair(r), rel=1e-12)
    assert out["forces"][1].tolist() == pytest.approx([0.0, 0.0, -slope], abs=1e-8)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"depth": 1}', json.dumps({**PARAMETERS, "cutoff": 1e9})])
def test_a_file_that_holds_anything_else_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputFileError, match="other"):
        create_model(NAME, path=str(path))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="cannot be read"):
        create_model(NAME, path=str(tmp_path / "none.json"))
