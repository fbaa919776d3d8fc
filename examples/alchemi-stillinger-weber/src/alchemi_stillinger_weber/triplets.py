"""Angles from a list of pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def triplets(edge_ptr: Tensor) -> tuple[Tensor, Tensor]:
    """Return the two sides of every angle, each angle once.

    Parameters
    ----------
    edge_ptr : Tensor [N + 1]
        The pairs of atom i are ``edge_ptr[i]:edge_ptr[i + 1]`` of a full list.

    Returns
    -------
    first, second : Tensor [T], int64
        Rows of the list of pairs: of each two pairs of one atom the earlier and the later. An atom with n neighbors has
        n (n − 1) / 2 angles, and nothing larger than the result is made.
    """
    edge_ptr = edge_ptr.long()
    counts = edge_ptr.diff()
    ends = edge_ptr[1:].repeat_interleave(counts)  # [E]
    pairs = torch.arange(len(ends), device=edge_ptr.device)
    later = ends - pairs - 1  # [E], how many pairs of the same atom come after this one
    first = pairs.repeat_interleave(later)
    begin = later.cumsum(0) - later
    rank = torch.arange(len(first), device=edge_ptr.device) - begin[first]
    return first, first + 1 + rank
