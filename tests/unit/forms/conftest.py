"""Toys on offer, with units of their options."""

import pytest
from ase.build import bulk
from support import toys
from support.pipelines import CORE

from alchemi_core import Batch
from alchemi_core.offers import ModelOffer
from alchemi_core.plugin_records import PluginRecord
from alchemi_core.registry import Registry

NAMES = {"gaussians": "Gaussians", "kernel": "Kernel", "charge-model": "Charges", "coulomb": "Coulomb"}
UNITS = {"gaussians": {"strength": "eV", "cutoff": "Å"}, "kernel": {"strength": "eV", "cutoff": "Å"}}


def offer(name):
    target = f"{toys.__name__}:{NAMES[name]}"
    return ModelOffer(name=name, summary="a toy", target=target, units=UNITS.get(name, {}))


OFFERED = Registry((*CORE.records, PluginRecord("toys", "alchemi-toys", "1.0", tuple(map(offer, NAMES)))))


@pytest.fixture
def registry():
    return OFFERED


@pytest.fixture
def crystal():
    atoms = bulk("NaCl", "rocksalt", a=5.64)
    atoms.rattle(0.1, seed=3)
    return Batch.from_ase(atoms)
