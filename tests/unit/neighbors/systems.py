"""Hypothesis strategies for structures of every legal kind, and for those that tend to go wrong."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import strategies as st

from alchemi_core.data.batch import Batch

CUTOFFS = st.sampled_from([0.9, 1.5, 2.0, 3.1])
_unit = st.floats(-1.0, 1.0, width=32)


@st.composite
def cells(draw):
    """Right- and left-handed, skewed, down to a third of the largest cutoff."""
    size = draw(st.sampled_from([1.2, 2.5, 6.0]))
    skew = np.array(draw(st.lists(_unit, min_size=9, max_size=9))).reshape(3, 3)
    cell = size * (np.eye(3) + 0.3 * skew)
    if draw(st.booleans()):
        cell = cell[[1, 0, 2]]
    return cell


@st.composite
def systems(draw):
    """Positions, cell and pbc of one system; the cell is zero where it does not count, in half of the cases."""
    pbc = np.array(draw(st.lists(st.booleans(), min_size=3, max_size=3)))
    cell = draw(cells())
    if draw(st.booleans()):
        cell[~pbc] = 0.0
    spread = draw(st.sampled_from([1.0, 3.0, 50.0]))
    atoms = draw(st.integers(0, 5))
    positions = spread * np.array(draw(st.lists(_unit, min_size=3 * atoms, max_size=3 * atoms))).reshape(-1, 3)
    if atoms > 1 and draw(st.booleans()):
        positions[1] = positions[0]
    return positions, cell, pbc


@st.composite
def batches(draw):
    """One to three systems in float32 or float64; without cells when nothing is periodic, sometimes."""
    parts = draw(st.lists(systems(), min_size=1, max_size=3))
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    bare = not any(pbc.any() for _, _, pbc in parts) and draw(st.booleans())
    return Batch(
        positions=torch.tensor(np.concatenate([positions for positions, _, _ in parts]), dtype=dtype),
        atomic_numbers=torch.ones(sum(len(positions) for positions, _, _ in parts), dtype=torch.int64),
        batch_idx=torch.tensor([k for k, (positions, _, _) in enumerate(parts) for _ in positions], dtype=torch.int64),
        num_systems=len(parts),
        cell=None if bare else torch.tensor(np.stack([cell for _, cell, _ in parts]), dtype=dtype),
        pbc=None if bare else torch.tensor(np.stack([pbc for _, _, pbc in parts])),
    )
