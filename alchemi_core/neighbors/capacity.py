"""How many entries a matrix of neighbors can hold, and what is said where they do not suffice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.errors import NeighborError

if TYPE_CHECKING:
    from alchemi_core.neighbors.config import IndexDtype
    from alchemi_core.neighbors.lists import MatrixList

MAX_ENTRIES = 2**31 // 8
"""Entries N × K of the largest matrix: with three shifts each, their numbers stay within int32."""

MAX_PAIRS = 2**31 - 1
"""Pairs that the row pointer of an int32 list can count."""


def check_addressable(atoms: int, width: int) -> None:
    """Raise `NeighborError` for a matrix of more entries than kernels can address.

    Parameters
    ----------
    atoms : int
        Rows N.
    width : int
        Columns K.
    """
    if atoms * width > MAX_ENTRIES:
        raise NeighborError(
            f"a matrix of {atoms} x {width} = {atoms * width} neighbors",
            expected=f"at most {MAX_ENTRIES} entries (2^31 / 8)",
            who="neighbor list",
            fix="ask for pairs (NeighborListFormat.COO), split the batch, or use a smaller cutoff",
        )


def check_countable(found: int, index_dtype: IndexDtype = "int32") -> None:
    """Raise `NeighborError` for more pairs than the integers of a list can count.

    Parameters
    ----------
    found : int
        Pairs of the list.
    index_dtype : {"int32", "int64"}
        Integer type of its row pointer.
    """
    if index_dtype == "int32" and found > MAX_PAIRS:
        raise NeighborError(
            f"a list of {found} pairs",
            expected=f"at most {MAX_PAIRS}, the largest int32",
            who="neighbor list",
            fix="split the batch, or use a smaller cutoff",
        )


def check_capacity(matrix: MatrixList) -> None:
    """Raise `NeighborError` if a row counts more neighbors than the matrix has columns.

    Converters on accelerators fill matrices of fixed width without looking at the counts, which would mean waiting;
    whoever can wait calls this before the numbers are used.

    Parameters
    ----------
    matrix : MatrixList
        Its `num_neighbors` hold true counts, whatever its width.
    """
    if matrix.num_atoms == 0:
        return
    most, atom = matrix.num_neighbors.max(0)
    width = int(matrix.neighbor_matrix.shape[1])
    if int(most) > width:
        raise overflow(int(atom), int(most), width)


def overflow(atom: int, found: int, width: int) -> NeighborError:
    """Return the error for an atom that has more neighbors than a matrix of fixed width can hold.

    Parameters
    ----------
    atom : int
        Number of the atom in the batch.
    found : int
        Its neighbors.
    width : int
        Columns of the matrix.
    """
    return NeighborError(
        f"atom {atom} has {found} neighbors",
        expected=f"at most {width}, the fixed width of the matrix",
        who="neighbor list",
        fix=f"NeighborConfig(..., width={-(-found * 5 // 4)}), or no width: it then follows the fullest row",
    )
