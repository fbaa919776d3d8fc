"""Relaxation where something fails: it is named, the others go on, and nothing is kept of their batches."""

from __future__ import annotations

import gc
import traceback

import numpy as np
import pytest
import torch
from alchemi_torchsim import TorchSimModel, relax
from alchemi_torchsim.carrying import have
from alchemi_torchsim.engine import SimState
from alchemi_torchsim.flight import Flight, Room
from alchemi_torchsim.guarding import INDEX
from alchemi_torchsim.relaxing import Relaxation
from ase import Atoms
from ase.build import molecule
from ase.constraints import FixAtoms, FixBondLength

from alchemi_core import DataError, create_model
from alchemi_core.errors import GeometryError, UnsupportedElementError

FMAX = 0.01


def test_those_that_fail_are_named_and_the_others_go_on(perturbed):
    pipe = 0 + create_model("lennard-jones", epsilon={"Ar": 0.0104}, sigma={"Ar": 3.4})
    structures = perturbed(5)
    poisoned = structures[0].copy()
    poisoned.positions[1, 2] = np.nan
    twice = structures[3].copy()
    twice.positions[0] = twice.positions[1]
    stuck = structures[3].copy()
    given = [structures[0], poisoned, molecule("H2O"), structures[1], twice, Atoms(), structures[2]]
    results = list(relax(pipe, given, fmax=FMAX))
    assert [result.index for result in results] == list(range(7))
    assert [result.status for result in results] == [
        "converged",
        *["failed"] * 2,
        "converged",
        *["failed"] * 2,
        "converged",
    ]
    kinds = [GeometryError, UnsupportedElementError, GeometryError, GeometryError]
    for number, kind in zip((1, 2, 4, 5), kinds, strict=True):
        assert isinstance(results[number].error, kind), results[number].error
        assert results[number].atoms is None
    (alone,) = relax(pipe, [structures[1]], fmax=FMAX)
    assert results[3].steps == alone.steps
    (result,) = relax(pipe, [stuck], fmax=1e-9, max_steps=3)
    assert (result.status, result.steps) == ("not converged", 3)
    assert result.atoms is not None


def test_one_that_fails_on_the_way(cliff):
    """It leaves when it fails, with its own error, and the others take the same steps as without it."""
    falling, fine = Atoms("H", positions=[(0, 0, 1.4)]), Atoms("Ar2", positions=[(0, 2, 0), (0, 0, 1.9)])
    before, fallen, after = relax(cliff, [fine, falling, fine], fmax=FMAX)
    assert fallen.status == "failed"
    assert fallen.steps > 0
    assert "an atom fell" in str(fallen.error) or "not finite after" in str(fallen.error)
    (alone,) = relax(cliff, [fine], fmax=FMAX)
    for result in (before, after):
        assert result.converged
        assert result.steps == alone.steps
        np.testing.assert_allclose(np.linalg.norm(result.atoms.positions, axis=1), 1.5, atol=FMAX)


def test_errors_that_are_kept_hold_no_tensors(cliff):
    """Of a thousand structures that fail, none keeps the batch in which it failed."""
    falling, fine = Atoms("H", positions=[(0, 0, 1.4)]), Atoms("Ar2", positions=[(0, 2, 0), (0, 0, 1.9)])
    poisoned = Atoms("Ar", positions=[(0, 0, 0.5)])
    results = list(relax(cliff, [fine, falling, poisoned, fine, falling], fmax=FMAX))
    gc.collect()
    errors = [result.error for result in results if result.error is not None]
    assert len(errors) == 3
    assert not [value for error in errors for value in held(error) if isinstance(value, torch.Tensor | SimState)]


def held(error):
    """Give what the frames that an error passed still hold."""
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return (value for frame in frames for value in frame.f_locals.values())


def test_structures_that_fail_at_once_do_not_get_on(argon, perturbed):
    """By those that are first under way TorchSim finds out how much fits, and ends where they fail."""
    twice = Atoms("Ar2", positions=[(0, 0, 0), (0, 0, 0)])
    model = TorchSimModel(argon)
    flight = Flight(Relaxation(model, FMAX, False, "fire", 3), [twice, perturbed(1)[0]], model, Room("n_atoms", 100.0))
    (ready,) = flight
    assert int(have(ready, INDEX)) == 1
    assert set(flight._landed) == {0}


def test_a_source_that_breaks_gives_what_came_before(argon, perturbed):
    def source():
        yield from perturbed(3)
        raise OSError("the disk is gone")

    results = relax(argon, source(), fmax=0.05)
    assert [next(results).converged for _ in range(3)] == [True] * 3
    with pytest.raises(OSError, match="the disk is gone"):
        next(results)


def test_constraints_that_cannot_be_honoured_are_refused(argon, perturbed):
    crystal, pair = perturbed(1)[0], molecule("N2")
    crystal.set_constraint(FixAtoms([0]))
    pair.set_constraint(FixBondLength(0, 1))
    one, other = relax(argon, [crystal, pair], cell=True)
    assert isinstance(one.error, DataError)
    assert "FixAtoms, and the cell moves" in str(one.error)
    assert isinstance(other.error, DataError)
    assert "FixBondLength" in str(other.error)
