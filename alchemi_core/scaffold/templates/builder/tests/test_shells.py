"""The builder against numbers of neighbors that crystallography knows."""

from __future__ import annotations

import math

import pytest
import torch
from alchemi_core import Batch, pair_vectors
from ase.build import bulk

from alchemi_my_plugin.building import build

SHELLS: dict[str, dict[float, int]] = {
    "sc": {1: 6, 2: 12, 3: 8, 4: 6},
    "bcc": {0.75: 8, 1: 6, 2: 12, 2.75: 24},
    "fcc": {0.5: 12, 1: 6, 1.5: 24},
}
"""Neighbors of each atom by squared distance in units of the lattice constant."""


# FILL IN: what is special about your algorithm, such as sizes at which it takes another path
@pytest.mark.parametrize("lattice", sorted(SHELLS))
def test_each_shell_is_complete(lattice: str) -> None:
    a, shells = 3.6, SHELLS[lattice]
    batch = Batch.from_ase(bulk("Cu", lattice, a=a))
    pairs = build(batch, a * math.sqrt(max(shells)) + 0.05, 0.0)
    lengths = pair_vectors(batch.positions, batch.cell, pairs, batch.batch_idx).norm(dim=1)
    found, counts = torch.unique((lengths / a).square().round(decimals=6), return_counts=True)
    assert found.tolist() == pytest.approx(sorted(shells))
    assert counts.tolist() == list(shells.values())
