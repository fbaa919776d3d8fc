"""Arithmetic of weights: sums and products of numbers and of functions of named parameters, and their derivatives."""

from __future__ import annotations

import itertools
import sys
from math import isfinite, prod
from numbers import Real
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.errors import DeclarationError
from alchemi_core.offers import load_target
from alchemi_core.weight_factors import Affine, Sum

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from alchemi_core.weight_factors import Factor

MAX_FACTORS = 64
"""Factors of one weight, and the highest power."""

MAX_SIZE = 1000
"""Functions of one parameter in a weight, sums and what is in them included."""


@attrs.frozen
class Weight:
    """A number times functions of parameters; made by `Coupling`, of tensors, and by arithmetic.

    Parameters
    ----------
    scale : float
        Finite.
    factors : tuple of Affine, Inside or Sum
        What it is multiplied by.
    """

    scale: float = 1.0
    factors: tuple[Factor, ...] = ()

    __array_ufunc__ = None  # numbers of numpy leave arithmetic with weights to the weights

    def __attrs_post_init__(self) -> None:
        if not isfinite(self.scale) or not all(factor.is_finite for factor in self.factors):
            raise DeclarationError(f"weight is {self}", expected="finite numbers", who="PipelineStep")
        if len(self.factors) > MAX_FACTORS:
            expected = f"at most {MAX_FACTORS}"
            raise DeclarationError(f"{len(self.factors)} factors", expected=expected, who="weight of a step")
        if (size := sum(factor.size for factor in self.factors)) > MAX_SIZE:
            expected = f"at most {MAX_SIZE}"
            raise DeclarationError(f"{size} functions of parameters", expected=expected, who="weight of a step")

    @property
    def names(self) -> frozenset[str]:
        """Parameters that it is a function of."""
        return frozenset().union(*(factor.names for factor in self.factors))

    @property
    def holding(self) -> tuple[Affine, ...]:
        """Its factors that are functions of tensors."""
        return tuple(one for factor in self.factors for one in factor.holding)

    def at(self, values: Mapping[str, Any]) -> Any:
        """Return its value for given parameters: numbers, or tensors of one shape."""
        value: Any = self.scale
        for factor in self.factors:
            value = value * factor.at(values)
        return value

    def times(self, other: Weight) -> Weight:
        """Return the product."""
        return Weight(self.scale * other.scale, self.factors + other.factors)

    def plus(self, other: Weight) -> Weight:
        """Return the sum, with like terms as one."""
        return total([self, other])

    def derivative(self, name: str) -> Weight:
        """Return the derivative by a parameter; of a ramp at its ends, the slope inside."""
        return total(
            Weight(self.scale * slope, (*self.factors[:i], *left, *self.factors[i + 1 :]))
            for i, factor in enumerate(self.factors)
            for slope, left in [_slope(factor, name)]
        )

    def folded(self) -> Weight:
        """Return it with all that is constant in the number; zero has no factors."""
        parts = [_folded(factor) for factor in self.factors]
        scale = prod([self.scale, *(number for number, _ in parts)])
        return Weight(scale, tuple(one for _, rest in parts for one in rest)) if scale else Weight(0.0)

    def named(self, names: Mapping[int, str]) -> Weight:
        """Return it without tensors, each factor under the name in the pipeline that `names` has by their ids."""
        return Weight(self.scale, tuple(factor.named(names) for factor in self.factors))

    def ramp(self, start: float, end: float) -> Weight:
        """Return clamp((λ − start)/(end − start), 0, 1), a stage of a schedule.

        Its derivative is that of `torch.clamp`: at both ends the slope inside, outside zero.

        Raises
        ------
        DeclarationError
            If start and end are one, or this is no linear function of one parameter.

        Examples
        --------
        >>> from alchemi_core import Coupling
        >>> lam = Coupling()
        >>> [lam.ramp(0.0, 0.5).at({"coupling": x}) for x in (0.0, 0.25, 0.5, 0.9)]
        [0.0, 0.5, 1.0, 1.0]
        """
        one = self.factors[0] if len(self.factors) == 1 else None
        slope = self.scale * one.slope if isinstance(one, Affine) and one.ramp is None else 0.0
        if not isinstance(one, Affine) or not slope or start == end:
            found = f"the ramp of {self} from {start} to {end}"
            raise DeclarationError(found, expected="Coupling().ramp(start, end), two numbers", who="weight of a step")
        zero = self.scale * one.constant
        ends = (float(start) - zero) / slope, (float(end) - zero) / slope
        return Weight(1.0, (attrs.evolve(one, constant=0.0, slope=1.0, ramp=ends),))

    def __mul__(self, other: object) -> Any:
        return self.times(as_weight(other)) if is_weight(other) else NotImplemented

    __rmul__ = __mul__

    def __truediv__(self, other: object) -> Any:
        if _is_number(other) and not other:
            raise DeclarationError(f"{self} / 0", expected="another number", who="weight of a step")
        return self * (1.0 / other) if _is_number(other) else NotImplemented  # type: ignore[operator]

    def __pow__(self, power: object) -> Any:
        if not isinstance(power, int) or isinstance(power, bool):
            return NotImplemented
        if not 0 <= power <= MAX_FACTORS:
            expected = f"0 to {MAX_FACTORS}"
            raise DeclarationError(f"the power {power} of {self}", expected=expected, who="weight of a step")
        try:
            return Weight(self.scale**power, self.factors * power)
        except OverflowError:
            found = f"the power {power} of {self}"
            raise DeclarationError(found, expected="finite numbers", who="weight of a step") from None

    def __neg__(self) -> Weight:
        return Weight(-self.scale, self.factors)

    def __add__(self, other: object) -> Any:
        return self.plus(as_weight(other)) if is_weight(other) else NotImplemented

    def __radd__(self, other: object) -> Any:
        return as_weight(other).plus(self) if is_weight(other) else NotImplemented

    def __sub__(self, other: object) -> Any:
        return self.plus(-as_weight(other)) if is_weight(other) else NotImplemented

    def __rsub__(self, other: object) -> Any:
        return as_weight(other).plus(-self) if is_weight(other) else NotImplemented

    def __str__(self) -> str:
        written = product_text(self.factors)
        return "·".join(written if self.scale == 1.0 and written else [f"{self.scale:g}", *written])


def product_text(factors: Iterable[Factor]) -> list[str]:
    """Return factors as they are printed, equal ones in a row as a power."""
    return [_power(text, len(list(same))) for text, same in itertools.groupby(map(str, factors))]


def _power(text: str, number: int) -> str:
    return text if number == 1 else text + str(number).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def total(weights: Iterable[Weight]) -> Weight:
    """Return the sum of weights, with like terms as one."""
    terms: list[Weight] = []
    for weight in weights:
        for term in _terms(weight.folded()):
            if term.scale:
                _collect(terms, term)
    kept = [term for term in terms if term.scale]
    if len(kept) > 1:
        return Weight(1.0, (Sum(tuple(kept)),))
    return kept[0] if kept else Weight(0.0)


def _terms(weight: Weight) -> tuple[Weight, ...]:
    only = weight.factors[0] if len(weight.factors) == 1 and weight.scale == 1.0 else None
    return only.terms if isinstance(only, Sum) else (weight,)


def _collect(terms: list[Weight], term: Weight) -> None:
    """Add a term to a sum: to the first one of a like kind, or at the end."""
    for number, one in enumerate(terms):
        joined = _joined(one, term)
        if joined is not None:
            terms[number] = joined.folded()
            return
    terms.append(term)


def _joined(one: Weight, other: Weight) -> Weight | None:
    """Return two terms as one: multiples of the same, or linear in the same parameter."""
    if one.factors == other.factors:
        return Weight(one.scale + other.scale, one.factors)
    known = next((w.factors[0] for w in (one, other) if w.factors), None)
    if not isinstance(known, Affine):
        return None
    parts = [_linear(one, known), _linear(other, known)]
    if None in parts:
        return None
    constant, slope = (sum(part[n] for part in parts if part) for n in (0, 1))
    return Weight(1.0, (attrs.evolve(known, constant=constant, slope=slope),))


def _linear(weight: Weight, known: Affine) -> tuple[float, float] | None:
    """Return constant and slope of a number, or of a linear function of the same variable."""
    if not weight.factors:
        return weight.scale, 0.0
    (one, *more) = weight.factors
    same = isinstance(one, Affine) and (one.name, one.ramp, one.held) == (known.name, known.ramp, known.held)
    if more or not same or not isinstance(one, Affine):
        return None
    return weight.scale * one.constant, weight.scale * one.slope


def _slope(factor: Factor, name: str) -> tuple[float, tuple[Factor, ...]]:
    """Return the derivative of a factor by a parameter, a number times factors."""
    if not isinstance(factor, Sum):
        return factor.derivative(name)
    whole = total(term.derivative(name) for term in factor.terms)
    return whole.scale, whole.factors


def _folded(factor: Factor) -> tuple[float, tuple[Factor, ...]]:
    if isinstance(factor, Affine) and factor.slope == 0.0:
        return factor.constant, ()
    if isinstance(factor, Affine) and factor.constant == 0.0:
        return factor.slope, (attrs.evolve(factor, slope=1.0),)
    if isinstance(factor, Sum):
        whole = total(factor.terms)
        return whole.scale, whole.factors
    return 1.0, (factor,)


def as_weight(value: Any) -> Weight:
    """Return a number, a tensor or a weight as a weight.

    Raises
    ------
    DeclarationError
        If it is none of these.
    """
    if isinstance(value, Weight):
        return value
    if _is_tensor(value):
        return Weight(1.0, (Affine("", held=hold(value, "")),))
    if not _is_number(value):
        raise DeclarationError(
            f"weight is {value!r}",
            expected="a number, a tensor, or a function of Coupling(), whose values come with the batch",
            who="PipelineStep",
        )
    return Weight(float(value))


def hold(value: Any, name: str) -> Any:
    """Hold a tensor. Planning reads this file and does without torch, so what needs it is looked up when it is met."""
    return load_target("alchemi_core.data.held:HeldValue")(value, name)


def is_weight(value: object) -> bool:
    """Tell whether `as_weight` takes a value."""
    return isinstance(value, Weight) or _is_number(value) or _is_tensor(value)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_tensor(value: object) -> bool:
    torch = sys.modules.get("torch")  # without it there are no tensors
    return torch is not None and isinstance(value, torch.Tensor)
