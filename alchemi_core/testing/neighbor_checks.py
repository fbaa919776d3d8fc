"""Whether a builder or a converter does on one case what the referee says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
import numpy as np
import torch

from alchemi_core.neighbors.config import NeighborConfig
from alchemi_core.neighbors.lists import CooList, MatrixList
from alchemi_core.testing.failures import failure
from alchemi_core.testing.list_promises import read
from alchemi_core.testing.pair_reports import Difference
from alchemi_core.testing.pair_tables import (
    displaced,
    half,
    in_order,
    matrix_rows,
    referee,
    reverse,
    rows_of,
    spell,
    tensors_of,
)
from alchemi_core.testing.source_lists import SourceKind, make_source, with_gaps

if TYPE_CHECKING:
    from collections.abc import Callable

    from alchemi_core.data.batch import Batch
    from alchemi_core.neighbors.lists import NeighborList
    from alchemi_core.testing.neighbor_cases import NeighborCase
    from alchemi_core.testing.pair_tables import Rows

Build: TypeAlias = "Callable[[Batch, float, float], CooList]"
"""``build(batch, cutoff, skin) -> CooList``."""

Convert: TypeAlias = "Callable[[NeighborList, Batch, NeighborConfig, bool], NeighborList]"
"""``convert(source, batch, need, stale) -> list``."""


def check_builder(
    build: Build,
    case: NeighborCase,
    dtype: torch.dtype,
    device: torch.device | str = "cpu",
    *,
    skin: float = 0.0,
    strided: bool = False,
) -> None:
    """Check that a builder finds exactly the pairs within cutoff + skin, and leaves its input alone.

    Parameters
    ----------
    build : callable
        ``build(batch, cutoff, skin) -> CooList``.
    case : NeighborCase
        The structure.
    dtype : torch.dtype
        Floating type of the batch.
    device : torch.device or str
        Device of the batch.
    skin : float, Å
        How much further the list is to reach.
    strided : bool
        Whether positions and cells are views with gaps.

    Raises
    ------
    AssertionError
        If the list differs from that of the referee, or breaks a promise of its format.
    """
    what = f"{case}, {spell(dtype)} on {device}, built with cutoff {case.cutoff:g} Å and skin {skin:g} Å"
    batch = case.make(dtype, device)
    batch = _strided(batch) if strided else batch
    before = _copies(batch)
    built = _noting(what, build, batch, case.cutoff, skin)
    _check_unchanged(batch, before, "batch", what)
    rows = read(built, NeighborConfig(case.cutoff, skin=skin), batch.num_atoms, batch.device, what)
    _compare(rows, referee(case, dtype, case.cutoff + skin, 0.0), batch, case.cutoff + skin, what)


def check_converter(
    convert: Convert,
    case: NeighborCase,
    need: NeighborConfig,
    source_kind: SourceKind,
    dtype: torch.dtype,
    device: torch.device | str = "cpu",
) -> None:
    """Check that a converter gives exactly what a reader declared, and leaves its input alone.

    Parameters
    ----------
    convert : callable
        ``convert(source, batch, need, stale) -> list``.
    case : NeighborCase
        The structure; its own cutoff is not looked at.
    need : NeighborConfig
        What the reader declared.
    source_kind : SourceKind
        What the list to convert is like; its cutoff is counted in units of the reader's.
    dtype : torch.dtype
        Floating type of the batch.
    device : torch.device or str
        Device of batch and list.

    Raises
    ------
    AssertionError
        If the list differs from that of the referee, breaks a promise of its format, is in another order than its
        source, or is a copy of a source that was right already.
    """
    what = f"{case}, {spell(dtype)} on {device}, from {source_kind} to {need.describe()}"
    source = make_source(source_kind, case, need.cutoff, dtype, device)
    batch = displaced(case.make(dtype, device), source_kind.skin if source_kind.moved else 0.0)
    batch = _strided(batch) if source_kind.strided else batch
    before, source_before = _copies(batch), _copies(source)
    result = _noting(what, convert, source, batch, need, source_kind.moved)
    _check_unchanged(batch, before, "batch", what)
    _check_unchanged(source, source_before, "source list", what)
    rows = read(result, attrs.evolve(need, skin=0.0), batch.num_atoms, batch.device, what)
    _compare_kinds(rows, case, need, source_kind, batch, what)
    _check_order(rows, source, what)
    _check_width(result, source, need, what)
    if is_right_already(source, need) and result is not source:
        raise failure(what, "a copy of a list that was right already", expected="the same object, as it was given")


def is_right_already(source: NeighborList, need: NeighborConfig) -> bool:
    """Whether a list made for these positions is exactly what is needed, with no column to spare."""
    if source.cutoff != need.cutoff or source.skin or source.format is not need.format:
        return False
    same = source.half_list is need.half_list and _dtype_of(source) is getattr(torch, need.index_dtype)
    if isinstance(source, CooList):
        return same
    return same and source.neighbor_matrix.shape[1] == (need.width or _fullest(source))


def _dtype_of(neighbors: NeighborList) -> torch.dtype:
    return neighbors.edge_ptr.dtype if isinstance(neighbors, CooList) else neighbors.num_neighbors.dtype


def _fullest(matrix: MatrixList) -> int:
    return int(matrix.num_neighbors.max()) if matrix.num_atoms else 0


def _noting(what: str, function: Callable[..., Any], *given: object) -> Any:
    """Call a backend; what it raises says which check it failed."""
    try:
        return function(*given)
    except Exception as error:
        error.add_note(f"while checking {what}")
        raise


def _compare_kinds(
    rows: Rows, case: NeighborCase, need: NeighborConfig, source_kind: SourceKind, batch: Batch, what: str
) -> None:
    expected = referee(case, _dtype(batch), need.cutoff, source_kind.skin if source_kind.moved else 0.0)
    expected = half(expected) if need.half_list else expected
    # pairs of a half list that came turned may stay so
    turned = need.half_list and source_kind.turned and source_kind.half_list
    _compare(half(np.concatenate([rows, reverse(rows)])) if turned else rows, expected, batch, need.cutoff, what)


def _compare(rows: Rows, expected: Rows, batch: Batch, reach: float, what: str) -> None:
    if not np.array_equal(in_order(rows), in_order(expected)):
        raise Difference.between(rows, expected, batch, reach).report(what)


def _check_order(rows: Rows, source: NeighborList, what: str) -> None:
    """Check that what is left of each row of the source stands in the source's order, where no pair was added."""
    given = rows_of(source) if isinstance(source, CooList) else matrix_rows(source)
    kept = set(map(tuple, rows.tolist()))
    left = [row for row in map(tuple, given.tolist()) if row in kept]
    if len(left) == len(rows) and left != list(map(tuple, rows.tolist())):
        raise failure(
            what,
            "the pairs of an atom are in another order than in the source",
            expected="the source's order within each row, so that sums round the same",
        )


def _check_width(result: NeighborList, source: NeighborList, need: NeighborConfig, what: str) -> None:
    """Check that a matrix of no fixed width is no wider than its fullest row needs, or than its source was.

    Only on the host: elsewhere the fullest row may not be known without waiting.
    """
    if not isinstance(result, MatrixList) or need.width is not None or result.neighbor_matrix.device.type != "cpu":
        return
    allowed = max(_fullest(result), source.neighbor_matrix.shape[1] if isinstance(source, MatrixList) else 0)
    if result.neighbor_matrix.shape[1] > allowed:
        raise failure(what, f"{result.neighbor_matrix.shape[1]} columns", expected=f"at most {allowed}")


def _strided(batch: Batch) -> Batch:
    cell = None if batch.cell is None else with_gaps(batch.cell)
    return batch.with_leaves(with_gaps(batch.positions), cell)


def _tensors(thing: Batch | NeighborList) -> dict[str, torch.Tensor]:
    if isinstance(thing, CooList | MatrixList):
        return tensors_of(thing)
    named = {name: thing.get(name) for name in ("positions", "cell", "pbc", "batch_idx", "atomic_numbers")}
    return {name: tensor for name, tensor in named.items() if tensor is not None}


def _copies(thing: Batch | NeighborList) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in _tensors(thing).items()}


def _check_unchanged(thing: Any, before: dict[str, torch.Tensor], noun: str, what: str) -> None:
    for name, tensor in _tensors(thing).items():
        if not torch.equal(tensor.detach(), before[name]):
            raise failure(what, f"{name} of the {noun} was changed", expected="input that is left as it was given")


def _dtype(batch: Batch) -> torch.dtype:
    return batch.positions.dtype
