"""Liquid argon, NVE: energy is conserved while lists are kept, and nobody can tell that they are."""

import sys
from collections import Counter

import numpy as np
import pytest
from alchemi_lennard_jones.model import LennardJones
from ase import units
from ase.build import bulk
from ase.md.velocitydistribution import Stationary, thermalize_momenta
from ase.md.verlet import VelocityVerlet

from alchemi_core import PipelineGroup, PipelineModelWrapper
from alchemi_core.neighbors import building
from alchemi_core.offers import NeighborOffer
from alchemi_core.plugin_records import PluginRecord
from alchemi_core.registry import Registry, default_registry

EPSILON, SIGMA = 119.8 * units.kB, 3.405  # Rahman, Phys. Rev. 136, A405 (1964)
REDUCED_DENSITY, REDUCED_TEMPERATURE = 0.84, 0.9
BUILDS = Counter()


def counted(batch, cutoff, skin):
    """Build as the core does, and count it."""
    BUILDS["built"] += 1
    return building.build(batch, cutoff, skin)


@pytest.fixture
def registry(monkeypatch):
    """The installed plugins, and a builder that counts."""
    monkeypatch.setitem(sys.modules, "counting", sys.modules[__name__])  # the path of this file is no module name
    counting = NeighborOffer(name="counted", role="builder", rank=1000, summary="counts", target="counting:counted")
    BUILDS.clear()
    return Registry((*default_registry().records, PluginRecord("counting", "these-tests", "0", (counting,))))


def liquid():
    """2048 atoms on a lattice, with twice the kinetic energy they keep once it has melted."""
    edge = SIGMA * (4.0 / REDUCED_DENSITY) ** (1.0 / 3.0)
    atoms = bulk("Ar", "fcc", a=edge, cubic=True).repeat(8)
    atoms.rattle(0.05, seed=1)
    kelvin = 2.0 * REDUCED_TEMPERATURE * EPSILON / units.kB
    thermalize_momenta(atoms, temperature_K=kelvin, rng=np.random.default_rng(2))
    Stationary(atoms)
    return atoms


def dynamics(registry, skin):
    model = LennardJones(
        epsilon=EPSILON, sigma=SIGMA, cutoff=8.5, switch_on=7.5, half_list=True, derivatives="analytic"
    )
    pipe = PipelineModelWrapper(groups=[PipelineGroup(steps=[model])], skin=skin, registry=registry)
    atoms = liquid()
    atoms.calc = pipe.as_ase()
    return VelocityVerlet(atoms, 2.0 * units.fs)


def test_keeping_lists_does_not_change_the_trajectory(registry):
    kept, rebuilt = dynamics(registry, 0.5), dynamics(registry, 0.0)
    kept.run(200)
    builds = BUILDS["built"]
    rebuilt.run(200)
    assert BUILDS["built"] - builds == 201
    assert builds < 200 / 5
    # Rounding differs, since pairs come in another order, and a liquid doubles it every few hundred femtoseconds.
    np.testing.assert_allclose(kept.atoms.positions, rebuilt.atoms.positions, rtol=0, atol=1e-9)


def test_energy_is_conserved(registry):
    """3 ps; `benchmarks/argon.py --steps 5000` follows ten."""
    run = dynamics(registry, 0.5)
    energies = []
    run.attach(lambda: energies.append(run.atoms.get_total_energy() / len(run.atoms)), interval=10)
    run.run(1500)
    assert BUILDS["built"] < 1500 / 5
    drift = np.polyfit(np.linspace(0.0, 1.0, len(energies)), energies, 1)[0]
    assert abs(drift) < 1e-5
    assert np.ptp(energies) < 1e-4
    reduced = run.atoms.get_temperature() * units.kB / EPSILON
    assert abs(reduced - REDUCED_TEMPERATURE) < 0.1
