"""What a model asks of its neighbor list: a value the planner can compare, merge and print. No torch here."""

from __future__ import annotations

import math
from enum import Enum
from typing import Any, Literal, TypeAlias, get_args

import attrs

from alchemi_core.errors import DeclarationError

IndexDtype: TypeAlias = Literal["int32", "int64"]
"""Integer type of indices, shifts and counts."""

INDEX_DTYPES: tuple[IndexDtype, ...] = get_args(IndexDtype)


class NeighborListFormat(Enum):
    """How pairs are laid out in memory."""

    COO = "coo"
    """Pairs one after the other, sorted by i: [E, 2] with a row pointer."""

    MATRIX = "matrix"
    """One padded row per atom: [N, K], padding value N."""


def _as_length(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise DeclarationError(f"{value!r} is no length", expected="a number, in Å", who="NeighborConfig") from None


def _as_format(value: Any) -> NeighborListFormat:
    try:
        return NeighborListFormat(value.lower() if isinstance(value, str) else value)
    except ValueError:
        known = " or ".join(repr(one.value) for one in NeighborListFormat)
        raise DeclarationError(f"format is {value!r}", expected=known, who="NeighborConfig") from None


def _positive(_instance: NeighborConfig, _attribute: attrs.Attribute[float], value: float) -> None:
    if not (value > 0.0 and math.isfinite(value)):
        raise DeclarationError(f"cutoff is {value}", expected="a positive length in Å", who="NeighborConfig")


def _not_negative(_instance: NeighborConfig, _attribute: attrs.Attribute[float], value: float) -> None:
    if not (value >= 0.0 and math.isfinite(value)):
        raise DeclarationError(f"skin is {value}", expected="a length in Å, 0 or more", who="NeighborConfig")


def _fits_layout(instance: NeighborConfig, _attribute: attrs.Attribute[Any], value: int | None) -> None:
    if value is None:
        return
    if instance.format is not NeighborListFormat.MATRIX:
        raise DeclarationError(f"width is {value} for pairs", expected="a width for MATRIX only", who="NeighborConfig")
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise DeclarationError(f"width is {value!r}", expected="a whole number, 1 or more", who="NeighborConfig")


def _is_index_dtype(_instance: NeighborConfig, _attribute: attrs.Attribute[Any], value: object) -> None:
    if value not in INDEX_DTYPES:
        raise DeclarationError(
            f"index_dtype is {value!r}", expected="the text 'int32' or 'int64'", who="NeighborConfig"
        )


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
    width : int, optional
        Columns K of a MATRIX, whatever the structure: a row that needs more is an error, never cut short. By default
        the matrix is as wide as its fullest row.
    index_dtype : {"int32", "int64"}
        Integer type of indices, shifts and counts.
    """

    cutoff: float = attrs.field(converter=_as_length, validator=_positive)
    format: NeighborListFormat = attrs.field(default=NeighborListFormat.COO, converter=_as_format)
    half_list: bool = False
    skin: float = attrs.field(default=0.0, converter=_as_length, validator=_not_negative)
    width: int | None = attrs.field(default=None, validator=_fits_layout)
    index_dtype: IndexDtype = attrs.field(default="int32", validator=_is_index_dtype)

    def describe(self) -> str:
        """One line, such as ``5 Å  pairs  full``."""
        layout = "pairs" if self.format is NeighborListFormat.COO else "matrix"
        width = f"  width {self.width}" if self.width is not None else ""
        wide = "  int64" if self.index_dtype == "int64" else ""
        return f"{self.cutoff:g} Å  {layout}  {'half' if self.half_list else 'full'}{width}{wide}"
