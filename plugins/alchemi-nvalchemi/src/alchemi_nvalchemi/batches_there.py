"""What a step sees as a batch of nvalchemi-toolkit, neighbor list included."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from nvalchemi.data import Batch as BatchThere
from torch.nn.functional import pad

from alchemi_core.neighbors.lists import MatrixList
from alchemi_nvalchemi.names import THERE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from alchemi_core.data.view import ModelView
    from alchemi_core.neighbors.lists import CooList

Fields = dict[str, "Tensor"]


def batch_there(view: ModelView, cell: Tensor | None, inputs: Iterable[str], follow: frozenset[str]) -> Any:
    """Return the systems of a view as one batch of nvalchemi-toolkit.

    Parameters
    ----------
    view : ModelView
        Systems, with the neighbor list that the wrapper asked for.
    cell : Tensor [B, 3, 3], Å, or None
        Cells.
    inputs : iterable of str
        Further inputs, by the names they have here.
    follow : frozenset of str
        Inputs that stay on the graph; kernels would look for gradients of others.
    """
    cell = cell if cell is None or "cell" in follow else cell.detach()
    per_atom, per_pair = _atoms(view, follow), _pairs(view)
    systems = []
    for number, (start, stop) in enumerate(pairwise(view.ptr)):
        one = {name: value[start:stop] for name, value in per_atom.items()}
        one |= _of_system(view, cell, number)
        given = [name for name in inputs if getattr(view, name) is not None]
        one |= {THERE[name]: _input(view, name, number, follow) for name in given}
        one |= _own_pairs(per_pair, start, stop)
        systems.append(one)
    return BatchThere.from_raw_dicts(systems, device=view.positions.device)


def _atoms(view: ModelView, follow: frozenset[str]) -> Fields:
    positions = view.positions if "positions" in follow else view.positions.detach()
    fields = {"atomic_numbers": view.atomic_numbers.to(torch.int32), "positions": positions}
    if isinstance(view.neighbors, MatrixList):
        fields |= _matrix(view.neighbors)
    return fields


def _matrix(neighbors: MatrixList) -> Fields:
    """Return a list as a matrix, its rows counted over all systems; at least one column, which kernels expect."""
    matrix, shifts = neighbors.neighbor_matrix, neighbors.neighbor_matrix_shifts
    if not matrix.shape[1]:
        matrix, shifts = pad(matrix, (0, 1), value=neighbors.padding), pad(shifts, (0, 0, 0, 1))
    return {
        "neighbor_matrix": matrix,
        "num_neighbors": neighbors.num_neighbors,
        "neighbor_matrix_shifts": shifts,
    }


def _of_system(view: ModelView, cell: Tensor | None, number: int) -> Fields:
    if cell is None:
        return {}
    pbc = view.atomic_numbers.new_zeros(1, 3, dtype=torch.bool) if view.pbc is None else view.pbc[number : number + 1]
    return {"cell": cell[number : number + 1], "pbc": pbc}


def _input(view: ModelView, name: str, number: int, follow: frozenset[str]) -> Tensor:
    value: Tensor = getattr(view, name)
    value = value if name in follow else value.detach()
    if name == "charges":
        return value[view.ptr[number] : view.ptr[number + 1]]
    return value[number : number + 1]


def _pairs(view: ModelView) -> CooList | None:
    neighbors = view.neighbors
    return None if isinstance(neighbors, MatrixList) else neighbors


def _own_pairs(neighbors: CooList | None, start: int, stop: int) -> Fields:
    """Return the pairs of one system, its atoms counted from zero: batching adds the rest."""
    if neighbors is None:
        return {}
    ends = neighbors.edge_ptr[[start, stop]].tolist()
    some = slice(*ends)
    return {
        "neighbor_list": neighbors.neighbor_list[some] - start,
        "neighbor_list_shifts": neighbors.neighbor_list_shifts[some],
    }
