"""The stated accuracy holds at every cutoff, against a plain sum carried to rounding; and what follows from it."""

import numpy as np
import pytest
import torch
from alchemi_electrostatics.real_space import _integral
from alchemi_electrostatics.splitting import NEIGHBOR_DISTANCE, Splitting
from ase import Atoms
from ase.build import bulk
from scipy.integrate import quad
from scipy.special import erfc

from alchemi_core.quantities import COULOMB_CONSTANT

from .ions import SKEWED, charges_of, gas
from .reference_sums import ewald_2d, ewald_3d
from .running import run

CUTOFFS = (4.0, 5.0, 6.0, 8.0, 10.0, 12.0)
ACCURACIES = [("ewald", 1e-3), ("ewald", 1e-6), ("ewald", 1e-10), ("pme", 1e-3), ("pme", 1e-5), ("pme", 1e-6)]


def rattled_salt():
    salt = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    salt.rattle(0.2, seed=1)
    return salt, charges_of(salt, seed=5)


def crystals():
    """Neutral, charged, ordered, crowded and nearly empty cells."""
    pair = Atoms("NaCl", [[1.0, 1.0, 1.0], [2.5, 2.0, 1.2]], cell=[13.0, 14.0, 15.0], pbc=True)
    one_kind = gas(16, seed=7)
    return {
        "gas": (gas(16, seed=6), charges_of(gas(16, seed=6))),
        "charged": (one_kind, np.ones(16)),
        "salt": rattled_salt(),
        "crowd": (
            gas(24, cell=0.75 * SKEWED, seed=8, apart=0.8),
            charges_of(gas(24, cell=0.75 * SKEWED, seed=8, apart=0.8)),
        ),
        "pair": (pair, np.array([1.0, -1.0])),
        "small": (bulk("CsCl", "cesiumchloride", a=2.8), np.array([1.0, -1.0])),
    }


CRYSTALS = {
    name: (*pair, ewald_3d(pair[0].positions, pair[1], pair[0].cell.array)) for name, pair in crystals().items()
}


def slabs():
    """Thin and thick, neutral and charged, over cells of all shapes; the open direction is the last."""
    layer = gas(8, cell=np.diag([5.0, 5.5, 9.0]), pbc=(True, True, False), seed=14)
    tilted = gas(10, cell=SKEWED, pbc=(True, True, False), seed=15)
    long = gas(
        10, cell=np.array([[3.1, 0.0, 0.2], [0.9, 15.0, -0.3], [0.0, 0.4, 4.0]]), pbc=(True, True, False), seed=16
    )
    return {
        "layer": (layer, charges_of(layer)),
        "tilted": (tilted, charges_of(tilted)),
        "long": (long, charges_of(long)),
        "charged": (long, np.ones(10)),
    }


SLABS = {name: (*pair, ewald_2d(pair[0].positions, pair[1], pair[0].cell.array, 2)) for name, pair in slabs().items()}


def errors(out, atoms, charges, exact):
    """Deviations of energy, forces and virial as `Splitting` defines them."""
    square, size = (charges**2).mean(), len(charges)
    energy = abs(out["energy"].item() / COULOMB_CONSTANT - exact.energy) / size
    forces = np.sqrt(((out["forces"].numpy() / COULOMB_CONSTANT - exact.forces) ** 2).sum(axis=1).mean())
    strain = abs(-out["virial"][0].numpy() / COULOMB_CONSTANT - exact.strain).max() / size
    unit = square / NEIGHBOR_DISTANCE
    return energy / unit, forces / unit * NEIGHBOR_DISTANCE, strain / unit


@pytest.mark.parametrize("cutoff", CUTOFFS)
@pytest.mark.parametrize(("model", "accuracy"), ACCURACIES)
def test_stated_accuracy_holds(model, accuracy, cutoff):
    for name, (atoms, charges, exact) in CRYSTALS.items():
        out = run(model, atoms, charges, requested=("energy", "forces", "virial"), accuracy=accuracy, cutoff=cutoff)
        for error in errors(out, atoms, charges, exact):
            assert error < accuracy, name


@pytest.mark.parametrize("cutoff", [4.0, 8.0, 12.0])
@pytest.mark.parametrize(("model", "accuracy"), [("ewald", 1e-4), ("ewald", 1e-6), ("pme", 1e-4), ("pme", 1e-6)])
def test_stated_accuracy_holds_for_slabs(model, accuracy, cutoff):
    for name, (atoms, charges, exact) in SLABS.items():
        out = run(model, atoms, charges, requested=("energy", "forces", "virial"), accuracy=accuracy, cutoff=cutoff)
        for error in errors(out, atoms, charges, exact):
            assert error < accuracy, name


@pytest.mark.parametrize("model", ["ewald", "pme"])
def test_accuracy_is_not_given_away(model):
    """A thousand times more is asked, and a hundred times more is got at least."""
    atoms, charges, exact = CRYSTALS["gas"]
    wanted = ("energy", "forces", "virial")
    coarse, fine = (run(model, atoms, charges, requested=wanted, accuracy=a, cutoff=6.0) for a in (1e-3, 1e-6))
    assert errors(coarse, atoms, charges, exact)[1] > 100.0 * errors(fine, atoms, charges, exact)[1]


@pytest.mark.parametrize("factor", [1.0, 1.4, 2.2])
@pytest.mark.parametrize(("model", "accuracy"), [("ewald", 1e-8), ("pme", 1e-5)])
def test_result_does_not_depend_on_the_splitting(model, accuracy, factor):
    for atoms, charges, exact in CRYSTALS.values():
        alpha = factor * np.sqrt(np.log(8.0 / accuracy)) / 8.0
        out = run(
            model, atoms, charges, requested=("energy", "forces", "virial"), accuracy=accuracy, alpha=alpha, cutoff=8.0
        )
        assert max(errors(out, atoms, charges, exact)) < accuracy


@pytest.mark.parametrize("total", [0.0, 1.0, -3.0])
def test_ewald_and_pme_agree(total):
    atoms = gas(30, cell=1.3 * SKEWED, seed=9)
    charges = charges_of(atoms, total=total)
    ewald, pme = (run(model, atoms, charges, accuracy=1e-6) for model in ("ewald", "pme"))
    unit = COULOMB_CONSTANT * (charges**2).mean() / NEIGHBOR_DISTANCE
    assert abs(ewald["energy"] - pme["energy"]).item() < 30 * 2e-6 * unit
    assert (ewald["forces"] - pme["forces"]).square().sum(1).mean().sqrt().item() < 2e-6 * unit / NEIGHBOR_DISTANCE


@pytest.mark.parametrize("model", ["ewald", "pme"])
@pytest.mark.parametrize("total", [0.0, 1.0, 5.0])
def test_virial_of_a_pure_coulomb_system_is_its_energy(model, total):
    """E scales as 1/L, so Σ_a dE/dε_aa = −E: fixes the sign of stress and virial, and the background's share."""
    atoms = gas(12, seed=11)
    out = run(model, atoms, charges_of(atoms, total=total), requested=("energy", "stress", "virial"), accuracy=1e-6)
    energy = out["energy"].item()
    assert out["virial"][0].trace().item() == pytest.approx(energy, abs=1e-5)
    assert out["stress"][0].trace().item() * atoms.get_volume() == pytest.approx(-energy, abs=1e-5)


@pytest.mark.parametrize("model", ["ewald", "pme"])
def test_origin_does_not_matter(model):
    atoms, charges, _ = CRYSTALS["charged"]
    moved = atoms.copy()
    moved.positions += np.array([0.3, -17.0, 5.0])
    moved.positions[::3] += np.array([4.0, -9.0, 2.0]) @ atoms.cell.array
    here, there = (run(model, each, charges, accuracy=1e-6) for each in (atoms, moved))
    for name, value in here.items():
        torch.testing.assert_close(value, there[name], rtol=0.0, atol=1e-10 if model == "ewald" else 2e-5)


@pytest.mark.parametrize(("alpha", "cutoff"), [(0.2, 3.0), (0.5, 8.0), (1.3, 2.0)])
def test_what_an_even_charge_beyond_the_cutoff_adds(alpha, cutoff):
    exact, _ = quad(lambda r: r * erfc(alpha * r), cutoff, np.inf, epsabs=0.0)
    found = _integral(Splitting(accuracy=1e-6, cutoff=cutoff, alpha=alpha))
    assert found == pytest.approx(exact, rel=1e-6)
