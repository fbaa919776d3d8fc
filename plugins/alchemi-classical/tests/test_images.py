"""The shortest periodic image, against a search through all that might be it."""

import numpy as np
import pytest
import torch
from alchemi_classical.restraints.images import shortest_shifts
from hypothesis import given, settings
from hypothesis import strategies as st


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), skew=st.floats(0.0, 3.0), pbc=st.tuples(*[st.booleans()] * 3))
def test_shortest_images_in_cells_of_any_shape(seed, skew, pbc):
    """Against all images within nine cells of the one whose fractional coordinates are smallest."""
    random = np.random.default_rng(seed)
    cell = np.diag(random.uniform(1.0, 6.0, 3)) + skew * np.tril(random.uniform(-1.0, 1.0, (3, 3)), -1)
    cell = cell[random.permutation(3)]
    vectors = random.uniform(-20.0, 20.0, (4, 3))
    tensors = [torch.tensor(a) for a in (vectors, np.zeros(4, dtype=int), cell[None], np.array([pbc]))]
    shifts = shortest_shifts(*tensors).numpy()
    assert not shifts[:, ~np.array(pbc)].any()
    np.testing.assert_array_equal(shifts, shifts.round())
    periods = cell * np.array(pbc)[:, None]
    turns = np.stack(np.meshgrid(*[np.arange(-9, 10)] * 3, indexing="ij"), -1).reshape(-1, 3)
    for vector, shift in zip(vectors, shifts, strict=True):
        base = vector - np.round(vector @ np.linalg.pinv(periods)) @ periods
        shortest = np.linalg.norm(base + turns @ periods, axis=1).min()
        assert np.linalg.norm(vector + shift @ cell) == pytest.approx(shortest, rel=1e-9)
