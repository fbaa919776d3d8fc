"""Weights of steps: numbers, or functions of a coupling parameter λ that a batch brings for each system."""

from __future__ import annotations

import keyword
import unicodedata
from math import isfinite
from numbers import Real
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.errors import DeclarationError
from alchemi_core.quantities import GEOMETRY

if TYPE_CHECKING:
    from collections.abc import Mapping


@attrs.frozen
class Affine:
    """``constant + slope · λ`` of the batch's field λ [B, 1].

    Parameters
    ----------
    name : str
        Name of the field.
    constant, slope : float
        The function.
    """

    name: str
    constant: float = 0.0
    slope: float = 1.0

    def at(self, value: Any) -> Any:
        """Evaluate; the value is a number or a tensor."""
        return self.constant + self.slope * value

    def __str__(self) -> str:
        if self.slope == 0.0:
            return f"{self.constant:g}"
        if self.constant == 0.0:
            return self.name if self.slope == 1.0 else f"{self.slope:g}·{self.name}"
        sign = "+" if self.slope > 0.0 else "−"
        size = "" if abs(self.slope) == 1.0 else f"{abs(self.slope):g}·"
        return f"({self.constant:g} {sign} {size}{self.name})"


@attrs.frozen
class Weight:
    """A number times functions of coupling parameters; made by `Coupling` and arithmetic.

    Parameters
    ----------
    scale : float
        Finite.
    factors : tuple of Affine
        What it is multiplied by.
    """

    scale: float = 1.0
    factors: tuple[Affine, ...] = ()

    def __attrs_post_init__(self) -> None:
        numbers = (self.scale, *(n for one in self.factors for n in (one.constant, one.slope)))
        if not all(map(isfinite, numbers)):
            raise DeclarationError(f"weight is {self}", expected="finite numbers", who="PipelineStep")

    @property
    def names(self) -> frozenset[str]:
        """Fields of the batch that it is a function of."""
        return frozenset(factor.name for factor in self.factors)

    def at(self, values: Mapping[str, float]) -> float:
        """Return its value for given parameters."""
        value = self.scale
        for factor in self.factors:
            value *= factor.at(values[factor.name])
        return value

    def times(self, other: Weight) -> Weight:
        """Return the product."""
        return Weight(self.scale * other.scale, self.factors + other.factors)

    def __mul__(self, other: object) -> Any:
        return self.times(as_weight(other)) if _is_number(other) or isinstance(other, Weight) else NotImplemented

    __rmul__ = __mul__

    def __truediv__(self, other: object) -> Any:
        return self * (1.0 / other) if _is_number(other) else NotImplemented  # type: ignore[operator]

    def __neg__(self) -> Weight:
        return Weight(-self.scale, self.factors)

    def __add__(self, other: object) -> Any:
        if not _is_number(other):
            return NotImplemented
        if len(self.factors) != 1:
            raise DeclarationError(
                f"{self} + {other}",
                expected="a number and one coupling parameter: of products there are no sums",
                who="weight of a step",
                fix="write one term per step",
            )
        (factor,) = self.factors
        moved = Affine(factor.name, self.scale * factor.constant + float(other), self.scale * factor.slope)  # type: ignore[arg-type]
        return Weight(1.0, (moved,))

    __radd__ = __add__

    def __sub__(self, other: object) -> Any:
        return self + -other if _is_number(other) else NotImplemented  # type: ignore[operator]

    def __rsub__(self, other: object) -> Any:
        return -self + other

    def __str__(self) -> str:
        written = [str(factor) for factor in self.factors]
        return "·".join(written if self.scale == 1.0 and written else [f"{self.scale:g}", *written])


def Coupling(name: str = "coupling") -> Weight:  # noqa: N802 - reads as the class of what it makes, `lam = Coupling()`
    """Return the weight that is a coupling parameter λ, for ``lam * a + (1 - lam) * b``.

    Its value comes with the batch, one for each system: ``batch.with_fields(coupling=...)`` [B, 1]. The strategy
    ``dE-dlambda`` of alchemi-derivatives differentiates by it.

    Parameters
    ----------
    name : str
        Name of the batch's field, an identifier.

    Raises
    ------
    DeclarationError
        If it cannot be the name of a field.

    Examples
    --------
    >>> lam = Coupling()
    >>> print(lam, "|", 1 - lam, "|", 0.5 * lam * (2 - lam))
    coupling | (1 − coupling) | 0.5·coupling·(2 − coupling)
    """
    if (
        not name.isidentifier()
        or unicodedata.normalize("NFKC", name) != name
        or keyword.iskeyword(name)
        or name in GEOMETRY
    ):
        expected = "letters, digits and underscores, and neither a word of Python nor an input such as positions"
        raise DeclarationError(f"{name!r} is no name", expected=expected, who="Coupling")
    return Weight(1.0, (Affine(name),))


def as_weight(value: Any) -> Weight:
    """Return a number or a weight as a weight.

    Raises
    ------
    DeclarationError
        If it is neither.
    """
    if isinstance(value, Weight):
        return value
    if not _is_number(value):
        raise DeclarationError(
            f"weight is {value!r}",
            expected="a number, or a function of Coupling(), whose values come with the batch as tensors",
            who="PipelineStep",
        )
    return Weight(float(value))


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
