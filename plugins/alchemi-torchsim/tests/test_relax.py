"""Relaxation of many structures: the minima of ASE's optimiser, whatever is in the batch, and nothing is lost."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from alchemi_torchsim import CannotServeError, TorchSimModel, memory, relax
from alchemi_torchsim.flight import AHEAD, Flight, Room
from alchemi_torchsim.memory import room_for
from alchemi_torchsim.relaxing import Relaxation
from ase import Atoms
from ase.build import bulk, molecule
from ase.constraints import FixAtoms, FixCartesian
from ase.filters import FrechetCellFilter
from ase.optimize import FIRE

from alchemi_core import create_model
from alchemi_core.errors import OptionError

FMAX = 0.01


def with_ase(pipe, atoms, *, cell=False, fmax=FMAX):
    """Relax one structure with ASE's FIRE, as a reference."""
    copy = atoms.copy()
    copy.calc = pipe.as_ase()
    FIRE(FrechetCellFilter(copy) if cell and copy.pbc.all() else copy, logfile=None).run(fmax=fmax, steps=500)
    return copy


def assert_same_minimum(result, expected):
    """Close by, and no higher than forces below fmax allow: E(a) − E(b) ≤ fmax Σ |a − b| where E is convex."""
    moved = np.linalg.norm(result.atoms.positions - expected.positions, axis=1)
    assert result.converged
    assert moved.max() < 0.1  # FMAX over the softest modes of argon
    assert abs(result.energy - expected.get_potential_energy()) <= FMAX * moved.sum() + 1e-10
    forces = np.linalg.norm(result.atoms.get_forces(), axis=1)
    assert forces.max() == pytest.approx(result.pull, rel=1e-6)
    assert result.pull < FMAX


def test_a_hundred_structures_come_to_the_minima_of_ase(argon, perturbed):
    structures = perturbed(100)
    results = list(relax(argon, structures, fmax=FMAX))
    assert [result.index for result in results] == list(range(100))
    for structure, result in zip(structures, results, strict=True):
        assert result.structure is structure
        assert_same_minimum(result, with_ase(argon, structure))


def test_with_dispersion(argon_d3, perturbed):
    structures = perturbed(5)
    for structure, result in zip(structures, relax(argon_d3, structures, fmax=FMAX), strict=True):
        assert_same_minimum(result, with_ase(argon_d3, structure))


@pytest.mark.parametrize("cell", [True, "frechet"])
def test_cells_move_where_all_directions_are_periodic(argon, cell, perturbed):
    structures = perturbed(5)
    strain = np.array([[1.04, 0.02, 0.0], [0.0, 0.97, 0.03], [0.0, 0.0, 1.01]])
    for number in range(2):
        crystal = bulk("Ar", "fcc", a=5.3, cubic=bool(number))
        crystal.set_cell(crystal.cell.array @ strain, scale_atoms=True)
        structures.append(crystal)
    left = structures[-1].copy()
    left.set_cell(left.cell.array[[1, 0, 2]])  # left-handed, the same crystal
    for structure, result in zip(
        [*structures, left], relax(argon, [*structures, left], fmax=0.002, cell=cell), strict=True
    ):
        expected = with_ase(argon, structure, cell=True, fmax=0.002)
        assert result.converged
        assert result.energy == pytest.approx(expected.get_potential_energy(), abs=2e-4 * len(structure))
        if structure.pbc.all():
            np.testing.assert_allclose(result.atoms.cell.cellpar(), expected.cell.cellpar(), rtol=0.005)
            assert np.abs(result.atoms.get_stress()).max() * result.atoms.get_volume() / len(structure) < 0.002
        else:
            np.testing.assert_array_equal(result.atoms.cell.array, structure.cell.array)
            assert "stress" not in result.atoms.calc.results or not result.atoms.get_stress().any()


def test_the_way_does_not_depend_on_the_batch(argon, perturbed):
    """Newcomers in a batch leave the others' steps as they are: alone, in pairs, all at once, it is the same."""
    structures = perturbed(10)
    together = list(relax(argon, structures, fmax=FMAX))
    some = list(relax(argon, structures, fmax=FMAX, atoms_at_once=20))
    for whole, part, structure in zip(together, some, structures, strict=True):
        (alone,) = relax(argon, [structure], fmax=FMAX)
        assert alone.steps == whole.steps == part.steps
        np.testing.assert_allclose(whole.atoms.positions, alone.atoms.positions, atol=1e-9)
        np.testing.assert_allclose(part.atoms.positions, alone.atoms.positions, atol=1e-9)


def test_as_published(argon, perturbed):
    structures = perturbed(5)
    for structure, result in zip(
        structures, relax(argon, structures, fmax=FMAX, optimizer="fire-verlet", max_steps=2000), strict=True
    ):
        assert_same_minimum(result, with_ase(argon, structure))


def test_charges_that_follow_the_atoms(wired):
    """The minimum of the whole: displaced from it in any direction, the energy rises as the chain rule says."""
    salt = bulk("NaCl", "rocksalt", a=5.64)
    salt.positions[1] += (0.3, 0.2, 0.1)
    (result,) = relax(wired, [salt], fmax=0.001, max_steps=1000)
    assert result.converged
    atoms, step = result.atoms.copy(), 1e-3
    atoms.calc = wired.as_ase()
    for axis in range(3):
        ends = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.calc = wired.as_ase()
            moved.positions[0, axis] += sign * step
            ends.append(moved.get_potential_energy())
        assert min(ends) > result.energy - 1e-6
        assert abs(ends[0] - ends[1]) / (2 * step) < 0.002


def test_held_atoms_stay(argon, perturbed):
    structure = perturbed(1)[0]
    structure.set_constraint([FixAtoms([0]), FixCartesian(1, mask=(True, False, True))])
    (result,) = relax(argon, [structure], fmax=FMAX, dtype=torch.float32)
    np.testing.assert_array_equal(result.atoms.positions[0], structure.positions[0])
    np.testing.assert_array_equal(result.atoms.positions[1, [0, 2]], structure.positions[1, [0, 2]])
    assert result.atoms.positions[1, 1] != structure.positions[1, 1]
    assert len(result.atoms.constraints) == 2
    (result,) = relax(argon, [structure], fmax=FMAX)
    assert_same_minimum(result, with_ase(argon, structure))


def test_structures_stay_as_they_were(argon, perturbed):
    structures = perturbed(5)
    before = [structure.copy() for structure in structures]
    list(relax(argon, structures, cell=True, max_steps=5))
    for one, other in zip(structures, before, strict=True):
        assert one == other


def test_an_endless_stream_is_read_as_places_get_free(argon, perturbed):
    read = []

    def endless():
        for number in itertools.count():
            read.append(number)
            yield perturbed(4)[3]

    stream = relax(argon, endless(), fmax=0.05, atoms_at_once=16)
    assert [next(stream).index for _ in range(20)] == list(range(20))
    assert len(read) <= 20 + 2 * AHEAD


def test_a_batch_takes_a_share_of_the_memory_that_is_free(argon, monkeypatch):
    """By hand: in 0.1 atoms/Å³ and 8.5 Å there are 257.2 neighbors, 400 bytes each; networks take more."""
    monkeypatch.setattr(memory, "_free_bytes", lambda: 4e8)
    assert room_for(TorchSimModel(argon), None) == Room("n_atoms", 971.0)
    large = argon + 0 * create_model("lennard-jones")
    large.network = torch.nn.Linear(200, 200)
    assert room_for(TorchSimModel(large), None).most < 10
    monkeypatch.setattr(memory, "_free_bytes", lambda: 1e15)
    assert room_for(TorchSimModel(argon), None) == Room("n_atoms", 2000.0)
    assert room_for(TorchSimModel(argon), 12) == Room("n_atoms", 12.0)


def test_what_does_not_fit_yet_is_put_back_in_the_queue(argon, perturbed):
    """TorchSim chains one iterator into the next for each; ten thousand of them end the interpreter."""
    model = TorchSimModel(argon)
    motion = Relaxation(model, FMAX, False, "fire", 3)
    flight = Flight(motion, (perturbed(4)[3] for _ in range(30)), model, Room("n_atoms", 8.0))
    assert len(list(flight.outcomes())) == 30
    assert flight._batcher.states_iterator is flight


def test_none_and_one(argon):
    assert list(relax(argon, [])) == []
    (result,) = relax(argon, [Atoms("Ar")])
    assert (result.steps, result.energy, result.status) == (0, 0.0, "converged")


def test_one_that_is_larger_than_a_batch(argon, perturbed):
    large, small = bulk("Ar", "fcc", a=5.26, cubic=True) * (2, 2, 1), perturbed(4)[3]
    large.rattle(0.05, seed=1)
    results = list(relax(argon, [small, large, small], fmax=0.05, atoms_at_once=4))
    assert [result.converged for result in results] == [True] * 3


def test_a_model_alone_and_single_precision(perturbed):
    model = create_model("lennard-jones", epsilon=0.0104, sigma=3.4)
    (result,) = relax(model, perturbed(1), fmax=FMAX, dtype=torch.float32)
    assert result.converged


def test_total_charges_go_along(wired):
    ion, water = molecule("OH"), molecule("H2O")
    ion.info = {"charge": -1.0}
    water.info = {}
    results = list(relax(wired, [ion, water], max_steps=2))
    for result in results:
        assert result.error is None
        expected = wired.as_ase()
        one = result.atoms.copy()
        one.calc = expected
        assert one.get_potential_energy() == pytest.approx(result.energy, rel=1e-9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fmax": 0.0}, "fmax=0.0"),
        ({"cell": "all"}, "cell='all'"),
        ({"optimizer": "bfgs"}, "optimizer='bfgs'"),
        ({"optimizer": "fire-verle"}, "optimizer='fire-verlet'"),
        ({"fmax": True}, "fmax=True"),
        ({"max_steps": True}, "max_steps=True"),
        ({"atoms_at_once": True}, "atoms_at_once=True"),
        ({"max_steps": -1}, "max_steps=-1"),
        ({"atoms_at_once": 0}, "atoms_at_once=0"),
    ],
)
def test_options(argon, options, message):
    with pytest.raises(OptionError, match=message):
        relax(argon, [], **options)


def test_stress_that_nobody_gives(argon, springs):
    with pytest.raises(CannotServeError, match="springs"):
        relax(argon + springs, [], cell=True)
