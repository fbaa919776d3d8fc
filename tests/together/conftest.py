"""Structures and models that the tests of several plugins share."""

from __future__ import annotations

import pytest
from ase.build import bulk, graphene, molecule

from alchemi_core import Batch, create_model


def graphite():
    layer = graphene(a=2.46, vacuum=3.4)
    other = layer.copy()
    other.positions += (layer.positions[1] - layer.positions[0]) * [1, 1, 0] + [0, 0, 6.8]
    both = layer + other
    both.cell[2, 2] = 13.6
    both.pbc = True
    return both


def rattled(atoms, seed):
    atoms.rattle(0.07, seed=seed)
    return atoms


@pytest.fixture(scope="session")
def mixed():
    """A molecule between two crystals, none of them at rest."""
    systems = [bulk("NaCl", "rocksalt", a=5.6), molecule("CH3OH"), graphite()]
    return Batch.from_ase([rattled(atoms, seed) for seed, atoms in enumerate(systems)])


@pytest.fixture(scope="session")
def learned():
    """Each learned model once: loading takes longer than using them."""
    return {name: create_model(name) for name in ("sevennet", "chgnet")}


@pytest.fixture(scope="session")
def d3():
    return create_model("dftd3", functional="pbe")


@pytest.fixture(scope="session")
def smooth_d3():
    """D3 that ends smoothly: its default sums end sharply, so differences of the energy jump where a pair passes."""
    return create_model("dftd3", functional="pbe", cutoffs={"disp2": 14.0, "width2": 5.0, "cn": 12.0})


@pytest.fixture(scope="session")
def peers():
    """The calculators that the packages themselves ship."""
    import warnings

    from dftd3.ase import DFTD3

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the peers' own deprecations are not ours to fail on
        from chgnet.model.dynamics import CHGNetCalculator
        from sevenn.calculator import SevenNetCalculator

        return {
            "sevennet": SevenNetCalculator("7net-0", device="cpu"),
            "chgnet": CHGNetCalculator(use_device="cpu", verbose=False),
            "dftd3": DFTD3(method="PBE", damping="d3bj"),
        }
