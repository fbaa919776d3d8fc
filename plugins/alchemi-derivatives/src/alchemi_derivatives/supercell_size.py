"""Size: what a user says of a supercell, and the matrix that follows for a cell."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from alchemi_core.errors import OptionError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Size: TypeAlias = "float | tuple[int, int, int] | tuple[tuple[int, int, int], ...]"
"""A length in Å, three multiples, or three rows of supercell vectors in terms of lattice vectors."""

WHO = "force-constants"
EXPECTED = "a length in Å, 3 whole numbers above zero, or 3 rows of 3 whole numbers with a positive determinant"


def read_size(value: Any) -> Size:
    """Check a size and return it as tuples.

    Raises
    ------
    OptionError
        If it is none.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if math.isfinite(value) and value > 0.0:
            return float(value)
        raise _refused(value)
    try:
        matrix = np.asarray(value)
    except ValueError:
        raise _refused(value) from None
    if matrix.dtype.kind not in "iu" or matrix.shape not in ((3,), (3, 3)):
        raise _refused(value)
    square = np.diag(matrix) if matrix.ndim == 1 else matrix
    if (matrix.ndim == 1 and matrix.min() < 1) or determinant(square) < 1:
        raise _refused(value)
    if matrix.ndim == 1:
        return (int(matrix[0]), int(matrix[1]), int(matrix[2]))
    return tuple((int(a), int(b), int(c)) for a, b, c in matrix)


def matrix_for(size: Size, cell: NDArray[np.float64], pbc: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the supercell matrix [3, 3] for a cell; rows are supercell vectors.

    Of a length, the smallest multiples are taken with which opposite faces of the supercell are that far apart, so
    that no atom is closer than that to its image.

    Raises
    ------
    OptionError
        If it repeats a direction that is not periodic.
    """
    if isinstance(size, float):
        heights = 1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0)
        # a face exactly as far away as asked must not be pushed one cell further by rounding
        multiples = np.maximum(np.ceil(size / heights - 1e-6), 1)
        return np.diag(np.where(pbc, multiples, 1)).astype(np.int64)
    matrix = np.diag(size) if np.ndim(size) == 1 else np.array(size)
    open_ends = np.flatnonzero(~pbc)
    if any(not np.array_equal(part[axis], np.eye(3)[axis]) for axis in open_ends for part in (matrix, matrix.T)):
        raise OptionError(
            f"supercell {size!r} repeats a direction that is not periodic",
            expected=f"1 along lattice vectors {', '.join(str(axis) for axis in open_ends)} (counted from 0)",
            who=WHO,
        )
    return matrix.astype(np.int64)


def determinant(matrix: NDArray[np.int64]) -> int:
    """Return the determinant of a matrix [3, 3] of whole numbers, exactly."""
    return int(matrix[0] @ np.cross(matrix[1], matrix[2]))


def _refused(value: Any) -> OptionError:
    return OptionError(f"supercell={value!r}", expected=EXPECTED, who=WHO, fix="supercell=(2, 2, 2)")
