"""What each side of `neighbors.py` does: pairs of an operation's name and a function of no arguments."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import files
from types import ModuleType
from typing import Any

import torch

from alchemi_core import Batch, NeighborConfig, NeighborListFormat
from alchemi_core.neighbors.adapting import adapt
from alchemi_core.neighbors.lists import CooList, MatrixList
from alchemi_core.registry import Registry
from alchemi_core.toolkits import toolkit_for

Operations = Iterator[tuple[str, Callable[[], object]]]
MATRIX = NeighborListFormat.MATRIX


def alchemi(environ: dict[str, str] | None) -> Callable[[Batch, float, float], Operations]:
    """Return the operations of this project with the backends of some plugins."""

    def operations(batch: Batch, wide: float, narrow: float) -> Operations:
        toolkit = toolkit_for("cpu", Registry.discover(environ))

        def to(source: Any, need: NeighborConfig) -> Callable[[], object]:
            return lambda: adapt(source, batch, need, toolkit, stale=False)

        yield "build", lambda: toolkit.build(batch, wide, 0.0)
        pairs = toolkit.build(batch, wide, 0.0)
        yield "copy", partial(_copied, pairs)
        yield "filter pairs", to(pairs, NeighborConfig(narrow))
        yield "to matrix", to(pairs, NeighborConfig(wide, MATRIX))
        yield "half", to(pairs, NeighborConfig(narrow, MATRIX, half_list=True))
        matrix = to(pairs, NeighborConfig(wide, MATRIX))()
        del pairs
        yield "filter matrix", to(matrix, NeighborConfig(narrow, MATRIX))
        yield "to pairs", to(matrix, NeighborConfig(wide))
        yield "fused", to(matrix, NeighborConfig(narrow))

    return operations


def _copied(pairs: CooList) -> tuple[torch.Tensor, torch.Tensor]:
    return pairs.neighbor_list.clone(), pairs.neighbor_list_shifts.clone()


def vesin(*, in_order: bool) -> Callable[[Batch, float, float], Operations]:
    """Return vesin's builder, which can put pairs in order, as a row pointer needs them."""

    def operations(batch: Batch, wide: float, narrow: float) -> Operations:  # noqa: ARG001
        from vesin import NeighborList

        places, cell = batch.positions.numpy(), batch.cell[0].numpy()
        finder = NeighborList(cutoff=wide, full_list=True, sorted=in_order, n_threads=torch.get_num_threads())
        yield "build", lambda: finder.compute(places, cell, periodic=True, quantities="PS", copy=True)

    return operations


def matscipy(batch: Batch, wide: float, narrow: float) -> Operations:  # noqa: ARG001
    """Builder of matscipy."""
    from matscipy.neighbours import neighbour_list

    places, cell = batch.positions.numpy(), batch.cell[0].numpy()
    yield "build", lambda: neighbour_list("ijS", positions=places, cell=cell, pbc=[True] * 3, cutoff=wide)


def toolkit_ops(batch: Batch, wide: float, narrow: float) -> Operations:  # noqa: ARG001
    """Cell list of nvalchemi-toolkit-ops, on Warp for the CPU."""
    import warp

    warp.config.quiet = True
    from nvalchemiops.torch.neighbors import cell_list

    yield "build", lambda: cell_list(batch.positions, wide, batch.cell, batch.pbc, return_neighbor_list=True)


def toolkit(batch: Batch, wide: float, narrow: float) -> Operations:
    """Filters and conversion of nvalchemi-toolkit, on lists that our reference builds for it."""
    peer = _toolkit_functions()
    own = toolkit_for("cpu", Registry.discover({"ALCHEMI_PLUGINS": ""}))
    pairs = own.build(batch, wide, 0.0)
    assert isinstance(pairs, CooList)
    atoms, place = batch.num_atoms, (batch.positions, narrow)
    yield (
        "filter pairs",
        lambda: peer.filter_neighbor_list(
            *place, pairs.neighbor_list, pairs.edge_ptr, batch.cell, pairs.neighbor_list_shifts, batch.batch_idx
        ),
    )
    matrix = adapt(pairs, batch, NeighborConfig(wide, MATRIX), own, stale=False)
    assert isinstance(matrix, MatrixList)
    filled = (matrix.neighbor_matrix, matrix.num_neighbors, atoms)
    shifts = matrix.neighbor_matrix_shifts
    yield "to pairs", lambda: peer.neighbor_matrix_to_list(*filled, shifts)

    def filtered() -> Any:
        return peer.filter_neighbor_matrix(*place, *filled, batch.cell, shifts, batch.batch_idx)

    def chained() -> Any:
        kept, counts, kept_shifts = filtered()
        return peer.neighbor_matrix_to_list(kept, counts, atoms, kept_shifts)

    yield "filter matrix", filtered
    yield "fused", chained


def _toolkit_functions() -> ModuleType:
    """Load the one module that is measured: it needs torch, the package around it much that has no part in this."""
    path = next(file for file in files("nvalchemi-toolkit") or () if file.name == "neighbor_filter.py").locate()
    base = ModuleType("nvalchemi.models.base")
    base.NeighborListFormat = NeighborListFormat  # type: ignore[attr-defined]
    names = {
        "nvalchemi": ModuleType("nvalchemi"),
        "nvalchemi.models": ModuleType("nvalchemi.models"),
        base.__name__: base,
    }
    sys.modules.update(names)
    spec = importlib.util.spec_from_file_location("neighbor_filter", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SIDES: dict[str, Callable[[Batch, float, float], Operations]] = {
    "ours": alchemi(None),
    "reference": alchemi({"ALCHEMI_PLUGINS": ""}),
    "vesin": vesin(in_order=False),
    "vesin sorted": vesin(in_order=True),
    "matscipy": matscipy,
    "toolkit-ops": toolkit_ops,
    "toolkit": toolkit,
}
