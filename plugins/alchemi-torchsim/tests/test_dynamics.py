"""Dynamics of many structures: the trajectories of ASE, conserved energy, temperature, and nothing is lost."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from alchemi_torchsim import run_md
from ase import Atoms, units
from ase.build import bulk, fcc111
from ase.constraints import FixAtoms
from ase.md.verlet import VelocityVerlet

from alchemi_core import DataError
from alchemi_core.errors import GeometryError, OptionError


def structures():
    crystal = bulk("Ar", "fcc", a=5.26, cubic=True)
    slab = fcc111("Ar", (2, 2, 2), a=5.26)
    slab.info.clear()
    cluster = Atoms("Ar2", positions=[(0, 0, 0), (0, 0, 3.8)])
    return [crystal, slab, cluster]


def test_energy_is_conserved(argon):
    results = list(run_md(argon, structures(), steps=500, timestep=4.0, temperature=40.0, seed=1))
    assert [result.index for result in results] == [0, 1, 2]
    for result in results:
        total = result.potential + result.kinetic
        assert np.ptp(total) < 0.01 * result.kinetic[0]
        assert np.ptp(result.kinetic) > 0.1 * result.kinetic[0]  # it moves
        np.testing.assert_allclose(result.times, np.arange(0.0, 2001.0, 40.0))


def test_charges_that_follow_the_atoms_conserve_energy(wired):
    """Without their share of the force, energy would drift."""
    salt = bulk("NaCl", "rocksalt", a=5.64)
    (result,) = run_md(wired, [salt], steps=60, timestep=2.0, temperature=600.0, seed=2, every=5)
    total = result.potential + result.kinetic
    assert np.ptp(total) < 0.02 * np.ptp(result.potential)


def test_trajectories_are_those_of_ase(argon):
    for result in run_md(argon, structures(), steps=100, timestep=2.0, temperature=60.0, seed=3):
        start = next(run_md(argon, [result.structure], steps=0, temperature=60.0, seed=None)).atoms
        start.set_momenta(_first(argon, result.index))
        start.calc = argon.as_ase()
        VelocityVerlet(start, timestep=2.0 * units.fs).run(100)
        np.testing.assert_allclose(result.atoms.positions, start.positions, atol=1e-8)
        np.testing.assert_allclose(result.atoms.get_momenta(), start.get_momenta(), atol=1e-8)
        assert result.atoms.get_potential_energy() == pytest.approx(start.get_potential_energy())


def _first(argon, index):
    """Momenta that the run began with."""
    return list(run_md(argon, structures(), steps=0, temperature=60.0, seed=3))[index].atoms.get_momenta()


def test_momenta_drawn_have_the_temperature_and_no_drift(argon):
    crystal = bulk("Ar", "fcc", a=5.26, cubic=True) * (4, 4, 4)
    (result,) = run_md(argon, [crystal], steps=0, temperature=100.0, seed=4)
    momenta = result.atoms.get_momenta()
    np.testing.assert_allclose(momenta.sum(0), 0.0, atol=1e-9)
    assert result.temperatures[0] == pytest.approx(100.0, rel=0.1)
    assert result.atoms.get_temperature() == pytest.approx(result.temperatures[0], rel=0.01)  # of 3n − 3 here


def test_momenta_of_a_structure_are_kept(argon):
    atoms = structures()[2]
    atoms.set_momenta([(0, 0, 1.0), (0, 0, -1.0)])
    (result,) = run_md(argon, [atoms], steps=0)
    np.testing.assert_array_equal(result.atoms.get_momenta(), atoms.get_momenta())
    assert result.kinetic[0] == pytest.approx(1.0 / atoms.get_masses()[0])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_run_goes_on_at_its_temperature(argon, dtype):
    """Momenta of an earlier run have a centre of mass at rest, as those that were drawn for it had."""
    how = {"temperature": 40.0, "seed": 1, "dtype": dtype}
    (first,) = run_md(argon, [structures()[0]], steps=20, **how)
    (second,) = run_md(argon, [first.atoms], steps=0, **how)
    assert second.temperatures[0] == pytest.approx(first.temperatures[-1], rel=1e-5)


def test_a_centre_of_mass_that_moves_counts(argon):
    """By hand: two atoms of one momentum each have p²/m = 6/2 kT, the centre of mass with it."""
    atoms = structures()[2]
    atoms.set_momenta([(0, 0, 1.0), (0, 0, 1.0)])
    (result,) = run_md(argon, [atoms], steps=0)
    assert result.temperatures[0] == pytest.approx(1.0 / atoms.get_masses()[0] / (3 * units.kB))


def test_a_structure_moves_the_same_in_any_company(argon):
    """Of the third structure: alone as the third, and with two others."""
    *others, last = structures()
    *_, together = run_md(argon, [*others, last], steps=50, seed=5)
    *_, apart = run_md(argon, [*others, last], steps=50, seed=5, atoms_at_once=1)
    np.testing.assert_allclose(together.atoms.positions, apart.atoms.positions, atol=1e-10)


def test_langevin_comes_to_the_temperature(argon):
    crystal = bulk("Ar", "fcc", a=5.26, cubic=True) * (2, 2, 2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        how = {"ensemble": "nvt", "temperature": 40.0, "friction": 0.02, "timestep": 5.0, "seed": 6}
        results = list(run_md(argon, [crystal] * 4, steps=400, every=5, **how))
    late = np.concatenate([result.temperatures[20:] for result in results])
    assert late.mean() == pytest.approx(40.0, rel=0.15)
    assert not np.allclose(results[0].atoms.positions, results[1].atoms.positions)


def test_frames(argon):
    (result,) = run_md(argon, [structures()[2]], steps=20, every=5, frames=True, seed=1)
    assert len(result.frames) == len(result.times) == 5
    np.testing.assert_array_equal(result.frames[0].positions, structures()[2].positions)
    np.testing.assert_allclose(result.frames[-1].positions, result.atoms.positions)
    assert next(run_md(argon, [structures()[2]], steps=1)).frames == ()


def test_held_atoms_stay(argon):
    slab = structures()[1]
    slab.set_constraint(FixAtoms([0, 1]))
    (result,) = run_md(argon, [slab], steps=50, temperature=80.0, seed=1)
    np.testing.assert_array_equal(result.atoms.positions[:2], slab.positions[:2])
    assert not np.allclose(result.atoms.positions[2:], slab.positions[2:])
    assert np.ptp(result.potential + result.kinetic) < 0.01 * result.kinetic[0]
    (refused,) = run_md(argon, [slab], steps=50, ensemble="nvt")
    assert isinstance(refused.error, DataError)


def test_those_that_fail_are_named(cliff):
    poisoned, falling = Atoms("Ar", positions=[(0, 0, np.nan)]), Atoms("H", positions=[(0, 0, 1.2)])
    fine = Atoms("Ar", positions=[(0, 0, 1.6)])
    results = list(run_md(cliff, [poisoned, falling, fine], steps=100, every=1, temperature=0.0, seed=1))
    assert isinstance(results[0].error, GeometryError)
    assert len(results[0].times) == 0
    assert results[1].error is not None
    assert results[1].atoms is None
    assert 1 < len(results[1].times) < 100  # what was recorded before
    assert results[2].error is None
    assert len(results[2].times) == 101


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": -1}, "steps=-1"),
        ({"timestep": 0.0}, "timestep"),
        ({"ensemble": "npt"}, "ensemble='npt'"),
        ({"temperature": float("nan")}, "temperature"),
        ({"friction": -1.0}, "friction"),
        ({"every": 0}, "every=0"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_options(argon, options, message):
    with pytest.raises(OptionError, match=message):
        run_md(argon, [], **{"steps": 1, **options})
