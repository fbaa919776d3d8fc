"""Structures that go wrong, lists of every kind made of them, and readers of every kind."""

from __future__ import annotations

import attrs
import numpy as np
import torch
from hypothesis import strategies as st

from alchemi_core.data.batch import Batch
from alchemi_core.neighbors import brute_force
from alchemi_core.neighbors.config import NeighborConfig, NeighborListFormat
from alchemi_core.neighbors.formats import to_matrix, with_index_dtype
from alchemi_core.neighbors.halves import to_half
from alchemi_core.neighbors.lists import CooList

COO, MATRIX = NeighborListFormat.COO, NeighborListFormat.MATRIX
CUTOFFS = st.sampled_from([0.9, 1.5, 2.0, 3.1])
_unit = st.floats(-1.0, 1.0, width=32)
_flags = st.lists(st.booleans(), min_size=3, max_size=3)


@st.composite
def systems(draw):
    """Positions, cell and pbc: skewed cells of both hands, down to a third of the cutoff; atoms far out, or on one
    spot; a cell that is zero or nonsense where it does not count."""
    pbc = np.array(draw(_flags))
    skew = np.array(draw(st.lists(_unit, min_size=9, max_size=9))).reshape(3, 3)
    cell = draw(st.sampled_from([1.2, 2.5, 6.0])) * (np.eye(3) + 0.3 * skew)
    cell = cell[[1, 0, 2]] if draw(st.booleans()) else cell
    cell[~pbc] *= draw(st.sampled_from([0.0, 1.0]))
    atoms = draw(st.integers(0, 5))
    spread = draw(st.sampled_from([1.0, 3.0, 50.0]))
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


@attrs.frozen(eq=False)
class Conversion:
    """A list, the batch as it is now, a reader, and whether atoms moved since the list was made."""

    source: object
    batch: Batch
    need: NeighborConfig
    stale: bool


@st.composite
def conversions(draw):
    """Any list to any reader that it can serve."""
    made, cutoff, skin = draw(batches()), draw(CUTOFFS), draw(st.sampled_from([0.0, 0.4]))
    source = source_of(made, cutoff, skin, draw(st.sampled_from([COO, MATRIX])), half=draw(st.booleans()))
    source = with_index_dtype(source, draw(st.sampled_from(["int32", "int64"])))
    stale = skin > 0.0 and draw(st.booleans())
    moved = made.positions + 0.1 * torch.sin(9.0 * made.positions) if stale else made.positions
    wanted = draw(st.sampled_from([1.0, 0.7])) * cutoff
    layout, index_dtype = draw(st.sampled_from([COO, MATRIX])), draw(st.sampled_from(["int32", "int64"]))
    width = draw(st.sampled_from([None, 1, 24, 700])) if layout is MATRIX else None
    need = NeighborConfig(wanted, layout, draw(st.booleans()), width=width, index_dtype=index_dtype)
    return Conversion(source, made.with_fields(positions=moved), need, stale)


def source_of(batch, cutoff, skin, layout, *, half):
    """Make a list of one kind by brute force."""
    source = brute_force.build(batch, cutoff, skin)
    source = to_half(source) if half else source
    return to_matrix(source) if layout is MATRIX else source


def tensors(neighbors):
    """Tensors of a list, by name."""
    names = (
        ("neighbor_list", "neighbor_list_shifts", "edge_ptr")
        if isinstance(neighbors, CooList)
        else ("neighbor_matrix", "neighbor_matrix_shifts", "num_neighbors")
    )
    return {name: getattr(neighbors, name) for name in names}


def assert_same(found, expected):
    """Compare what two lists say of themselves, and their tensors: values, order, shapes, types and devices."""
    assert type(found) is type(expected)
    for word in ("cutoff", "skin", "half_list", "num_atoms"):
        assert getattr(found, word) == getattr(expected, word), word
    for name, tensor in tensors(expected).items():
        other = getattr(found, name)
        assert (other.dtype, other.device, other.shape) == (tensor.dtype, tensor.device, tensor.shape), name
        assert torch.equal(other, tensor), name


def pair_set(neighbors):
    """Pairs of a `CooList` as a set of (i, j, S1, S2, S3); none may be listed twice."""
    found = torch.cat([neighbors.neighbor_list, neighbors.neighbor_list_shifts], dim=1).tolist()
    unique = set(map(tuple, found))
    assert len(unique) == len(found)
    return unique
