"""What a model asks of its neighbor list: a value the planner can compare, merge and print. No torch here."""

from __future__ import annotations

import math
from enum import Enum

import attrs

from alchemi_core.errors import DeclarationError


class NeighborListFormat(Enum):
    """How pairs are laid out in memory."""

    COO = "coo"
    """Pairs one after the other, sorted by i: [E, 2] with a row pointer."""

    MATRIX = "matrix"
    """One padded row per atom: [N, K], padding value N."""


def _positive(_instance: NeighborConfig, _attribute: attrs.Attribute[float], value: float) -> None:
    if not (value > 0.0 and math.isfinite(value)):
        raise DeclarationError(f"cutoff is {value}", expected="a positive length in Å", who="NeighborConfig")


def _not_negative(_instance: NeighborConfig, _attribute: attrs.Attribute[float], value: float) -> None:
    if not (value >= 0.0 and math.isfinite(value)):
        raise DeclarationError(f"skin is {value}", expected="a length in Å, 0 or more", who="NeighborConfig")


@attrs.frozen
class NeighborConfig:
    """Neighbor list that a model reads.

    Parameters
    ----------
    cutoff : float, Å
        Pairs with a distance strictly below it belong to the list.
    format : NeighborListFormat
        COO or MATRIX.
    half_list : bool
        True: each pair once, self-images too (one of ±S). False: both (i, j, S) and (j, i, −S).
    skin : float, Å
        How much further a list kept between calls may reach. Readers never see pairs beyond their cutoff.
    """

    cutoff: float = attrs.field(converter=float, validator=_positive)
    format: NeighborListFormat = attrs.field(default=NeighborListFormat.COO, converter=NeighborListFormat)
    half_list: bool = False
    skin: float = attrs.field(default=0.0, converter=float, validator=_not_negative)

    def describe(self) -> str:
        """One line, such as ``5.0 Å  pairs  full``."""
        layout = "pairs" if self.format is NeighborListFormat.COO else "matrix"
        return f"{self.cutoff:g} Å  {layout}  {'half' if self.half_list else 'full'}"
