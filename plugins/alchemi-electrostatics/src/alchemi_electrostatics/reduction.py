"""Short lattice vectors for a lattice that was given by long ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Vector = list[float]

GAIN = 1e-3
"""Least relative gain in squared length of a step, so that the choice is not left to rounding or to a small strain."""


def short_basis(cell: Sequence[Sequence[float]]) -> list[list[int]]:
    """Return integers M, det M = 1, such that the rows of M @ cell are short and span the same lattice.

    Each vector is shortened by multiples of the others until nothing is gained: Lagrange's reduction for each pair.
    Sums over the reciprocal lattice need least terms, and a mesh least points, in such a basis.

    Parameters
    ----------
    cell : sequence of 3 sequences of 3 float, Å
        Lattice vectors as rows.

    Examples
    --------
    >>> short_basis([[2.0, 0.0, 0.0], [5.0, 2.0, 0.0], [-4.0, 0.0, 3.0]])
    [[1, 0, 0], [-2, 1, 0], [2, 0, 1]]
    """
    vectors = [list(row) for row in cell]
    numbers = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    while _shorten(vectors, numbers):
        pass
    return numbers


def _shorten(vectors: list[Vector], numbers: list[list[int]]) -> bool:
    """Make one step, on both lists; tell whether anything was gained."""
    for i in range(3):
        for j in range(3):
            times = 0 if i == j else round(_dot(vectors[i], vectors[j]) / _dot(vectors[j], vectors[j]))
            if times == 0:
                continue
            shorter = [x - times * y for x, y in zip(vectors[i], vectors[j], strict=True)]
            if _dot(shorter, shorter) < (1.0 - GAIN) * _dot(vectors[i], vectors[i]):
                vectors[i] = shorter
                numbers[i] = [x - times * y for x, y in zip(numbers[i], numbers[j], strict=True)]
                return True
    return False


def _dot(a: Vector, b: Vector) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))
