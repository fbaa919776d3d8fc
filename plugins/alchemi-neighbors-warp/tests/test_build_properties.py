"""The builder against the referee that tries every image."""

import torch
from alchemi_neighbors_warp.building import build
from hypothesis import given, settings

from alchemi_core.neighbors import brute_force

from .strategies import CUTOFFS, batches, pair_set


@settings(max_examples=80, deadline=None, derandomize=True)
@given(batch=batches(), cutoff=CUTOFFS)
def test_equals_brute_force(batch, cutoff):
    built, referee = build(batch, cutoff, 0.25), brute_force.build(batch, cutoff, 0.25)
    assert pair_set(built) == pair_set(referee)
    assert torch.equal(built.edge_ptr, referee.edge_ptr)
    assert torch.equal(built.neighbor_list[:, 0], referee.neighbor_list[:, 0])
    assert (built.cutoff, built.skin, built.half_list) == (cutoff, 0.25, False)
    assert all(tensor.dtype == torch.int32 for tensor in (built.neighbor_list, built.neighbor_list_shifts))
