"""Free energies by ``alchemi ti`` against closed forms, quadrature and the literature."""

import json

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from support.argon import PUBLISHED, einstein_crystal, finite_size, harmonic, published

from alchemi_core import Coupling, create_model
from alchemi_core.cli.main import main

EPSILON, SIGMA = 0.0104, 3.40


@pytest.fixture
def free_energy(tmp_path, monkeypatch, capfd):
    """Runs the command; returns ΔF and its error in eV, and the record."""
    monkeypatch.chdir(tmp_path)

    def run(atoms, model, *words):
        model.save("model.toml")
        atoms.write("atoms.extxyz")
        sides = ["--windows", "5", "--rule", "gauss-legendre", "--at-once", "5", "--seed", "1", "--out", "out"]
        code = main(["ti", "atoms.extxyz", "--model", "model.toml", *sides, *map(str, words)])
        said = capfd.readouterr()
        assert code == 0, said.err
        record = json.loads((tmp_path / "out" / "ti.json").read_text())
        return record["free_energy_eV"]["value"], record["free_energy_eV"]["error"], record

    return run


def test_stiffer_springs_cost_what_the_closed_form_says(free_energy):
    """ΔF = (3N/2) kT ln(k₁/k₀), classically, whatever the masses."""
    lam, kt = Coupling(), units.kB * 300.0
    weak, strong = (create_model("restrain-positions", k=k) for k in (2.0, 5.0))
    atoms = Atoms("Ar12", 10.0 * np.arange(36).reshape(12, 3))
    bath = ("--temperature", 300, "--timestep", 25, "--friction", 0.05)
    value, error, record = free_energy(atoms, (1 - lam) * weak + lam * strong, *bath, "--steps", 900, "--interval", 1)
    expected = 1.5 * len(atoms) * kt * np.log(5.0 / 2.0)
    assert record["warnings"] == []
    assert abs(value - expected) < 3.0 * error
    assert error < 0.02 * expected
    assert abs(record["half_difference_eV"]["value"]) < 3.0 * record["half_difference_eV"]["error"]
    assert abs(record["discretisation_eV"]["value"]) < 3.0 * record["discretisation_eV"]["error"] + 1e-3 * expected


def test_a_ramp_that_ends_half_way_costs_what_the_closed_form_says(free_energy):
    """Where the ramp ends dE/dλ jumps: that end is sampled on both sides, or ΔF would be wrong by six hundredths."""
    lam, kt = Coupling(), units.kB * 300.0
    one, four, half = (create_model("restrain-positions", k=k) for k in (1.0, 4.0, 0.5))
    atoms = Atoms("Ar6", 10.0 * np.arange(18).reshape(6, 3))
    bath = ("--temperature", 300, "--timestep", 25, "--friction", 0.05, "--steps", 700, "--interval", 1)
    model = lam.ramp(0, 0.5) * four + (1 - lam) ** 3 * one + half
    value, error, record = free_energy(atoms, model, *bath, "--rule", "simpson", "--windows", 9, "--at-once", 10)
    expected = 1.5 * len(atoms) * kt * np.log(4.5 / 1.5)
    assert record["lambdas"][4:6] == pytest.approx([0.5, 0.5], abs=2e-6)
    assert [(one["from"], one["to"], one["windows"]) for one in record["pieces"]] == [(0.0, 0.5, 5), (0.5, 1.0, 5)]
    assert sum(one["free_energy_eV"]["value"] for one in record["pieces"]) == pytest.approx(value)
    assert abs(value - expected) < 3.0 * error
    assert error < 0.02 * expected


PAIRS, TRAP, CUTOFF = 24, 0.04, 12.0
FIRST, SECOND = (EPSILON, SIGMA), (3.0 * EPSILON, 3.0)


def pair_energy(r, epsilon, sigma):
    """Cut and shifted, as the model is."""
    energy = [4.0 * epsilon * ((sigma / x) ** 12 - (sigma / x) ** 6) for x in (r, CUTOFF)]
    return np.where(r < CUTOFF, energy[0] - energy[1], 0.0)


def exact_difference(kt):
    """Of one pair in a harmonic trap: the centre of mass falls out, the distance is an integral in one dimension.

    Both atoms feel ½ k r², together k R² + ¼ k d²: Z ∝ ∫ d² exp(−(¼ k d² + u(d))/kT) dd.
    """
    d, step = np.linspace(1e-3, 30.0, 600_001, retstep=True)
    weights = [d**2 * np.exp(-(0.25 * TRAP * d**2 + pair_energy(d, *one)) / kt) for one in (FIRST, SECOND)]
    integrals = [np.sum(one) * step for one in weights]
    return -kt * np.log(integrals[1] / integrals[0])


def test_one_lennard_jones_potential_into_another_costs_what_quadrature_says(free_energy):
    """Pairs in harmonic traps far apart from each other: their configuration integral is known to every digit."""
    lam, kt = Coupling(), units.kB * 120.0
    one, other = (create_model("lennard-jones", epsilon=e, sigma=s, cutoff=CUTOFF) for e, s in (FIRST, SECOND))
    centres = 60.0 * np.arange(PAIRS)[:, None] * [1.0, 0.0, 0.0]
    apart = [[0.0, 0.0, -1.9], [0.0, 0.0, 1.9]]
    atoms = Atoms(f"Ar{2 * PAIRS}", (centres[:, None] + apart).reshape(-1, 3))
    atoms.arrays["reference_positions"] = np.repeat(centres, 2, axis=0)
    model = create_model("restrain-positions", k=TRAP) + (1 - lam) * one + lam * other
    bath = ("--temperature", 120, "--timestep", 25, "--friction", 0.005)
    value, error, record = free_energy(atoms, model, *bath, "--steps", 1000, "--interval", 2)
    expected = PAIRS * exact_difference(kt)
    assert record["warnings"] == []
    assert abs(value - expected) < 3.0 * error
    assert error < 0.03 * abs(expected)


def test_an_einstein_crystal_turned_into_argon_has_the_free_energy_of_the_literature(free_energy):
    """Frenkel and Ladd's way with 32 atoms at 60 K against published free energies of the infinite crystal.

    What 32 atoms and a cutoff make of it is taken from lattice dynamics; the anharmonic part is left to the simulation.
    """
    lam, kt, spring, lattice, cutoff = Coupling(), units.kB * 60.0, 0.18, 5.40, 9.0
    atoms = bulk("Ar", "fcc", a=lattice, cubic=True) * (2, 2, 2)
    crystal = create_model("lennard-jones", epsilon=EPSILON, sigma=SIGMA, cutoff=cutoff, half_list=True)
    model = (1 - lam) * create_model("restrain-positions", k=spring) + lam * crystal
    bath = ("--temperature", 60, "--timestep", 20, "--friction", 0.01, "--fix-com")
    value, error, _ = free_energy(atoms, model, *bath, "--steps", 1200, "--interval", 2)
    temperature, length = kt / EPSILON, lattice / SIGMA
    found = einstein_crystal(temperature, length, 2, spring * SIGMA**2 / EPSILON) + value / kt / len(atoms)
    found += finite_size(temperature, length, 2, cutoff / SIGMA)
    error /= kt * len(atoms)
    expected = published(temperature, 4.0 / length**3)
    assert abs(found - expected) < 3.0 * error + abs(PUBLISHED)
    assert 3.0 * error + abs(PUBLISHED) < 0.005 * abs(expected)
    # and it is not the harmonic approximation that agrees
    assert found - harmonic(temperature, length) > 5.0 * error
