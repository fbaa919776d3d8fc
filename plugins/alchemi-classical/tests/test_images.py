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


def test_what_is_no_period_is_not_moved_along_beside_systems_in_which_it_is():
    """In a cell so skewed that other images than the rounded ones are tried, for some systems along more vectors."""
    cell = torch.tensor([[2.0, 0.0, 0.0], [1.9, 1.0, 0.0], [1.9, 0.9, 1.5]], dtype=torch.float64)
    vectors = torch.tensor(np.random.default_rng(1).uniform(-5.0, 5.0, (30, 3)))
    pbc = torch.tensor([[True, True, True], [True, True, False], [False, True, True]]).repeat(10, 1)
    together = shortest_shifts(vectors, torch.arange(30), cell.expand(30, 3, 3), pbc)
    none = torch.zeros(1, dtype=torch.int64)
    alone = [shortest_shifts(vectors[n : n + 1], none, cell[None], pbc[n : n + 1]) for n in range(30)]
    assert not together[~pbc].any()
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=0)
