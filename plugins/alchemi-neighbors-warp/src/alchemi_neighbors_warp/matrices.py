"""Writing matrices: without waiting for the device where their width is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.neighbors.capacity import check_addressable, overflow
from alchemi_neighbors_warp.launching import launch, numbers, vectors
from alchemi_neighbors_warp.writers import WRITERS

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_neighbors_warp.mirroring import Mirror
    from alchemi_neighbors_warp.rows import Rows, Rule


@attrs.frozen(eq=False)
class Matrix:
    """Tensors of a `MatrixList`.

    Parameters
    ----------
    entries : Tensor [N, K]
    shifts : Tensor [N, K, 3]
    counts : Tensor [N]
    """

    entries: Tensor
    shifts: Tensor
    counts: Tensor

    @classmethod
    def room(cls, atoms: int, width: int, dtype: torch.dtype, device: torch.device) -> Matrix:
        """Make room for so many rows and columns.

        Raises
        ------
        NeighborError
            If the matrix would have more entries than kernels can address.
        """
        check_addressable(atoms, width)
        entries = torch.empty(atoms, width, dtype=dtype, device=device)
        shifts = torch.empty(atoms, width, 3, dtype=dtype, device=device)
        return cls(entries, shifts, torch.empty(atoms, dtype=dtype, device=device))


def write_matrix(rows: Rows, rule: Rule, mirror: Mirror | None, dtype: torch.dtype, width: int | None) -> Matrix:
    """Write the wanted entries of a list as a matrix.

    Parameters
    ----------
    rows : Rows
        The list.
    rule : Rule
        Which entries are wanted.
    mirror : Mirror, optional
        The second direction of all that is wanted.
    dtype : torch.dtype
        Integer type of the result.
    width : int, optional
        Columns; by default those of a matrix on an accelerator, else as many as the fullest row needs.

    Raises
    ------
    NeighborError
        If a row on the CPU needs more columns than there are, or kernels cannot address so many entries.
    """
    atoms, device = rows.num_atoms, rows.entries.device
    columns = _width(rows, rule, mirror) if width is None else width
    result = Matrix.room(atoms, columns, dtype, device)
    writers = WRITERS[dtype]
    place = numbers(result.entries), vectors(result.shifts), numbers(result.counts)
    launch(writers.rows_to_matrix, rows.device, atoms, *rows.arguments, int(rule.halve), *rule.arguments, *place)
    if mirror is not None:
        mirror.into_matrix(writers, result.entries, result.shifts)
        result.counts.add_(mirror.missing)
    if device.type == "cpu":
        _check_room(result.counts, columns)
    return result


def _width(rows: Rows, rule: Rule, mirror: Mirror | None) -> int:
    """Columns of the source where it has some and asking would mean waiting, else of the fullest row."""
    if mirror is None and not rows.coo and rows.entries.device.type != "cpu":
        return int(rows.entries.shape[1])
    counts = rows.counts(rule) if mirror is None else mirror.counts
    return int(counts.max()) if counts.shape[0] else 0


def _check_room(counts: Tensor, columns: int) -> None:
    if counts.shape[0] == 0:
        return
    most, atom = counts.max(0)
    if int(most) > columns:
        raise overflow(int(atom), int(most), columns)
