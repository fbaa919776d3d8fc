"""What the registry finds once this distribution is installed."""

from __future__ import annotations

import pytest
from alchemi_neighbors_numba.batches import build
from alchemi_neighbors_numba.converting import convert

from alchemi_core.offers import NeighborOffer
from alchemi_core.registry import default_registry


@pytest.mark.parametrize(
    ("role", "name", "target"), [("convert", "numba-convert", convert), ("builder", "numba-batches", build)]
)
def test_it_is_the_best_on_the_cpu(role, name, target):
    registry = default_registry()
    best = registry.best_neighbors(role, "cpu")
    assert best.name == name
    assert registry.owner(best).distribution == "alchemi-neighbors-numba"
    assert registry.load(best) is target


def test_it_offers_nothing_for_other_devices():
    ours = [offer for offer in default_registry().offers(NeighborOffer) if offer.name.startswith("numba")]
    assert [offer.devices for offer in ours] == [("cpu",), ("cpu",)]
