"""What every neighbor list promises whatever it holds: types, counts, order and padding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_core.neighbors.lists import CooList, MatrixList
from alchemi_core.testing.failures import failure
from alchemi_core.testing.pair_tables import matrix_rows, rows_of, tensors_of

if TYPE_CHECKING:
    from alchemi_core.neighbors.config import NeighborConfig
    from alchemi_core.neighbors.lists import NeighborList
    from alchemi_core.testing.pair_tables import Rows


def read(neighbors: object, need: NeighborConfig, atoms: int, device: torch.device, what: str) -> Rows:
    """Return the pairs of a list row by row, after checks of all that its format promises.

    Parameters
    ----------
    neighbors : object
        What a builder or converter returned.
    need : NeighborConfig
        What was asked of it, its skin included.
    atoms : int
        Atoms of the batch.
    device : torch.device
        Where the tensors belong.
    what : str
        Name of the check, for its report.

    Raises
    ------
    AssertionError
        If a promise is broken.
    """
    if not isinstance(neighbors, CooList | MatrixList) or neighbors.format is not need.format:
        kind = {"coo": "CooList", "matrix": "MatrixList"}[need.format.value]
        raise failure(what, f"a {type(neighbors).__name__}", expected=f"a {kind}")
    _check_labels(neighbors, need, what)
    _check_tensors(neighbors, need, device, what)
    if neighbors.num_atoms != atoms:
        raise failure(what, f"a list of {neighbors.num_atoms} atoms", expected=f"{atoms} atoms, as the batch")
    return _read_coo(neighbors, what) if isinstance(neighbors, CooList) else _read_matrix(neighbors, need, what)


def _check_labels(neighbors: NeighborList, need: NeighborConfig, what: str) -> None:
    for name in ("cutoff", "half_list", "skin"):
        says, should = getattr(neighbors, name), getattr(need, name)
        if says != should:
            fix = "a list says what it is: readers refuse or filter by that"
            raise failure(what, f"{name} of the result is {says}", expected=f"{name} {should}", fix=fix)


def _check_tensors(neighbors: NeighborList, need: NeighborConfig, device: torch.device, what: str) -> None:
    for name, tensor in tensors_of(neighbors).items():
        if tensor.dtype != getattr(torch, need.index_dtype):
            raise failure(what, f"{name} has type {tensor.dtype}", expected=f"torch.{need.index_dtype}")
        if tensor.device.type != device.type:
            raise failure(what, f"{name} is on {tensor.device}", expected=f"{device}, as the batch")


def _read_coo(neighbors: CooList, what: str) -> Rows:
    i, edges = neighbors.neighbor_list[:, 0].cpu().long(), neighbors.edge_ptr.cpu().long()
    if bool((i[1:] < i[:-1]).any()):
        at = int((i[1:] < i[:-1]).nonzero()[0])
        raise failure(what, f"atom {int(i[at + 1])} follows atom {int(i[at])}", expected="pairs sorted by i")
    inside = bool((i >= 0).all()) and bool((i < neighbors.num_atoms).all())
    counts = torch.bincount(i, minlength=neighbors.num_atoms) if inside else None
    if counts is None or int(edges[0]) != 0 or not torch.equal(edges.diff(), counts):
        raise failure(
            what,
            "edge_ptr is out of step with the pairs",
            expected="edge_ptr[0] = 0 and edge_ptr[i+1] − edge_ptr[i] pairs of atom i",
            fix="count the pairs that are kept, not those of the source",
        )
    return rows_of(neighbors)


def _read_matrix(neighbors: MatrixList, need: NeighborConfig, what: str) -> Rows:
    matrix, counts = neighbors.neighbor_matrix.cpu().long(), neighbors.num_neighbors.cpu().long()
    width = matrix.shape[1]
    if need.width is not None and width != need.width:
        raise failure(what, f"a matrix of {width} columns", expected=f"{need.width}, the width that was asked")
    if bool((counts > width).any()) or bool((counts < 0).any()):
        at = int(((counts > width) | (counts < 0)).nonzero()[0])
        raise failure(what, f"num_neighbors[{at}] is {int(counts[at])} in {width} columns", expected=f"0..{width}")
    empty = torch.arange(width) >= counts[:, None]
    _check_padding(neighbors, matrix, empty, what)
    return matrix_rows(neighbors)


def _check_padding(neighbors: MatrixList, matrix: torch.Tensor, empty: torch.Tensor, what: str) -> None:
    atoms = neighbors.num_atoms
    if bool((matrix[empty] != atoms).any()):
        value = int(matrix[empty][matrix[empty] != atoms][0])
        raise failure(what, f"{value} where a row is empty", expected=f"padding {atoms}, the atom count")
    if bool(((matrix[~empty] < 0) | (matrix[~empty] >= atoms)).any()):
        raise failure(
            what,
            f"padding or an unknown atom among the first num_neighbors entries, of {atoms} atoms",
            expected="num_neighbors[i] indices from the left of row i",
            fix="count the entries that are kept, not those of the source",
        )
    if bool(neighbors.neighbor_matrix_shifts.cpu()[empty].any()):
        raise failure(what, "shifts other than zero where a row is empty", expected="zeros")
