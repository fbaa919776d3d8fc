"""The converter against numbers of neighbors that crystallography knows."""

from __future__ import annotations

import math

import pytest
from alchemi_core import Batch, CooList, NeighborConfig
from alchemi_core.neighbors.building import build
from ase.build import bulk

from alchemi_my_plugin.converting import convert

SHELLS: dict[str, dict[float, int]] = {
    "sc": {1: 6, 2: 12, 3: 8},
    "bcc": {0.75: 8, 1: 6, 2: 12},
    "fcc": {0.5: 12, 1: 6, 1.5: 24},
}
"""Neighbors of each atom by squared distance in units of the lattice constant."""


# FILL IN: the paths of your kernel, each at least once
@pytest.mark.parametrize("lattice", sorted(SHELLS))
def test_each_shell_is_there_once(lattice: str) -> None:
    a, shells = 3.6, SHELLS[lattice]
    batch = Batch.from_ase(bulk("Cu", lattice, a=a))
    wide = build(batch, 9.0, 0.5)
    for last in shells:
        need = NeighborConfig(a * math.sqrt(last) + 0.05, half_list=True)
        pairs = convert(wide, batch, need, False)
        assert isinstance(pairs, CooList)
        assert 2 * pairs.num_pairs == sum(count for square, count in shells.items() if square <= last)
