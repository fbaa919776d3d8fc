"""From any list to exactly what a reader declared, in one pass over its pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_core.neighbors.adapting import check_source, has_layout, kind_of
from alchemi_core.neighbors.config import NeighborListFormat
from alchemi_core.neighbors.formats import with_index_dtype
from alchemi_core.neighbors.lists import CooList, MatrixList
from alchemi_neighbors_warp.matrices import write_matrix
from alchemi_neighbors_warp.mirroring import Mirror
from alchemi_neighbors_warp.pairs import write_pairs
from alchemi_neighbors_warp.rows import Rows, Rule

if TYPE_CHECKING:
    from alchemi_core.data.batch import Batch
    from alchemi_core.neighbors.config import NeighborConfig
    from alchemi_core.neighbors.lists import NeighborList


def convert(source: NeighborList, batch: Batch, need: NeighborConfig, stale: bool) -> NeighborList:  # noqa: FBT001
    """Return exactly the list that a reader declared; one that is right already comes back as the same object.

    The host waits for the device once where the result must be sized: for pairs, and for a matrix without a fixed
    width made of pairs or of a half list. Otherwise it does not wait, and the call may be captured in a CUDA graph: a
    matrix made of a matrix keeps its width unless the reader has one of its own, and rows that are too short keep what
    fits, count all, and are found by `alchemi_core.neighbors.capacity.check_capacity`. On the CPU widths follow the
    fullest row, and rows that are too short are an error at once.

    Parameters
    ----------
    source : CooList or MatrixList
        The list at hand, of any kind, width and integer type.
    batch : Batch
        Positions of now.
    need : NeighborConfig
        What the reader declared.
    stale : bool
        Whether atoms moved, within the skin, since the list was built.

    Returns
    -------
    CooList or MatrixList
        Sorted by i, in the source's order within rows; the second direction of a half list's pairs comes last.

    Raises
    ------
    NeighborError
        If the source does not reach the reader's cutoff, is stale without a skin, or is of other atoms or on another
        device; if the result does not fit a fixed width, or is too large to be addressed.
    """
    check_source(source, batch, need, stale=stale)
    measure = not kind_of(source, need, stale=stale).exact
    if not measure and has_layout(source, need):
        return with_index_dtype(source, need.index_dtype)
    rows = Rows.of(source)
    rule = Rule.of(batch, need.cutoff, measure=measure, halve=need.half_list and not source.half_list)
    mirror = Mirror.of(rows, rule) if source.half_list and not need.half_list else None
    dtype = torch.int32 if need.index_dtype == "int32" else torch.int64
    if need.format is NeighborListFormat.COO:
        pairs = write_pairs(rows, rule, mirror, dtype)
        return CooList(
            cutoff=need.cutoff,
            half_list=need.half_list,
            neighbor_list=pairs.pairs,
            neighbor_list_shifts=pairs.shifts,
            edge_ptr=pairs.pointer,
        )
    matrix = write_matrix(rows, rule, mirror, dtype, need.width)
    return MatrixList(
        cutoff=need.cutoff,
        half_list=need.half_list,
        neighbor_matrix=matrix.entries,
        num_neighbors=matrix.counts,
        neighbor_matrix_shifts=matrix.shifts,
    )
