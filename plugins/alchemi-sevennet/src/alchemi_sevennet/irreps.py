"""Blocks of features that turn together: how many, of which angular momentum l and parity p."""

from __future__ import annotations

import re
from typing import TypeAlias

import attrs

from alchemi_core.errors import DataError

Irrep: TypeAlias = tuple[int, int]
"""Angular momentum l and parity p, 1 or −1. Sorted as tuples, which is the order of the published weights."""

SCALAR: Irrep = (0, 1)


@attrs.frozen
class Block:
    """A number of features of one irrep.

    Parameters
    ----------
    count : int
        How many.
    irrep : Irrep
        Of which kind.
    """

    count: int
    irrep: Irrep


Blocks: TypeAlias = tuple[Block, ...]


def parse_blocks(text: str) -> Blocks:
    """Read blocks from text.

    >>> parse_blocks("128x0e+64x1o")
    (Block(count=128, irrep=(0, 1)), Block(count=64, irrep=(1, -1)))

    Raises
    ------
    DataError
        If the text says something else, or names an irrep twice.
    """
    found = [re.fullmatch(r"\s*(\d+)x(\d+)([eo])\s*", part) for part in text.split("+")]
    blocks = tuple(Block(int(m[1]), (int(m[2]), 1 if m[3] == "e" else -1)) for m in found if m)
    if len(blocks) != len(found) or len({block.irrep for block in blocks}) != len(blocks):
        raise DataError(f"features {text!r}", expected="'128x0e+64x1e', each kind once", who="SevenNet checkpoint")
    return blocks


def width(irrep: Irrep) -> int:
    """Return the number of components, 2 l + 1."""
    return 2 * irrep[0] + 1


def label(irrep: Irrep) -> str:
    """Return the usual short name, such as ``1o``."""
    return f"{irrep[0]}{'e' if irrep[1] == 1 else 'o'}"


def products(left: Irrep, right: Irrep) -> list[Irrep]:
    """Return the irreps in a product: |l₁ − l₂| ≤ l ≤ l₁ + l₂, p = p₁ p₂.

    >>> products((1, -1), (1, -1))
    [(0, 1), (1, 1), (2, 1)]
    """
    (first, p), (second, q) = left, right
    return [(l, p * q) for l in range(abs(first - second), first + second + 1)]
