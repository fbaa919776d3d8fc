"""Whether calls of a backend leave each other's results alone, and keep off the caller's autograd graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_core.neighbors.config import NeighborConfig, NeighborListFormat
from alchemi_core.testing.failures import failure
from alchemi_core.testing.neighbor_cases import case_named
from alchemi_core.testing.pair_tables import displaced, tensors_of
from alchemi_core.testing.source_lists import SourceKind, make_source

if TYPE_CHECKING:
    from collections.abc import Callable

    from alchemi_core.data.batch import Batch
    from alchemi_core.neighbors.lists import NeighborList
    from alchemi_core.testing.neighbor_checks import Build, Convert

_CASE = "mixed-batch"
_KINDS = tuple(SourceKind(layout, skin=0.5, moved=True) for layout in NeighborListFormat)


def check_builder_keeps_no_buffer(build: Build, device: torch.device | str) -> None:
    """Check that a second list, of other positions, does not write into the first."""
    batch = case_named(_CASE).make(torch.float64, device)
    _twice(lambda moved: build(displaced(batch, moved), 3.0, 0.0), "two lists built in turn")


def check_converter_keeps_no_buffer(convert: Convert, device: torch.device | str) -> None:
    """Check that a second conversion, at other positions, does not write into the first."""
    case = case_named(_CASE)
    batch = case.make(torch.float64, device)
    for kind in _KINDS:
        source = make_source(kind, case, 3.0, torch.float64, device)
        for layout in NeighborListFormat:
            need = NeighborConfig(3.0, layout)
            _twice(
                lambda moved, source=source, need=need: convert(source, displaced(batch, moved), need, True),  # type: ignore[misc]
                f"{kind} converted to {need.describe()} twice",
            )


def check_builder_on_a_graph(build: Build, device: torch.device | str) -> None:
    """Check that positions and cells that require grad are read, and nothing else is done with them."""
    batch = _on_a_graph(case_named(_CASE).make(torch.float64, device))
    _same_lists(
        build(batch, 3.0, 0.0), build(case_named(_CASE).make(torch.float64, device), 3.0, 0.0), "built on a graph"
    )


def check_converter_on_a_graph(convert: Convert, device: torch.device | str) -> None:
    """Check that positions and cells that require grad are read, and nothing else is done with them."""
    case = case_named(_CASE)
    plain = displaced(case.make(torch.float64, device), 0.5)
    for kind in _KINDS:
        source = make_source(kind, case, 3.0, torch.float64, device)
        need = NeighborConfig(3.0, kind.format)
        given = convert(source, _on_a_graph(plain), need, True)
        _same_lists(given, convert(source, plain, need, True), f"{kind} converted on a graph")


def _on_a_graph(batch: Batch) -> Batch:
    cell = None if batch.cell is None else batch.cell.clone().requires_grad_() * 1.0
    return batch.with_leaves(batch.positions.clone().requires_grad_() * 1.0, cell)


def _twice(make: Callable[[float], NeighborList], what: str) -> None:
    first = make(0.5)
    kept = {name: tensor.clone() for name, tensor in tensors_of(first).items()}
    make(0.25)
    for name, tensor in tensors_of(first).items():
        if not torch.equal(tensor, kept[name]):
            raise failure(what, f"the second call changed {name} of the first result", expected="tensors of its own")


def _same_lists(given: NeighborList, plain: NeighborList, what: str) -> None:
    expected = tensors_of(plain)
    for name, tensor in tensors_of(given).items():
        if tensor.requires_grad or not torch.equal(tensor, expected[name]):
            raise failure(
                what, f"{name} differs or requires grad", expected="the list of the same values off the graph"
            )
