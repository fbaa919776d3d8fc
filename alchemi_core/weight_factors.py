"""Factors of weights: functions of one named parameter, evaluated with numbers and tensors alike."""

from __future__ import annotations

from functools import cached_property
from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alchemi_core.weight_algebra import Weight

Ramp = tuple[float, float]


def climbed(value: Any, ramp: Ramp) -> Any:
    """Return how far a value is from the start to the end of a ramp: 0 before it, 1 after it."""
    start, end = ramp
    part = (value - start) / (end - start)
    return part.clamp(0.0, 1.0) if hasattr(part, "clamp") else min(max(part, 0.0), 1.0)


@attrs.frozen
class Affine:
    """``constant + slope · λ`` of a parameter λ, or of a ramp over it.

    Parameters
    ----------
    name : str
        Name of the parameter: a field [B, 1] of the batch, or what the pipeline holds. Empty for a nameless tensor.
    constant, slope : float
        The function.
    ramp : tuple of float, optional
        Start a and end b: then λ stands for clamp((λ − a)/(b − a), 0, 1).
    held : HeldValue, optional
        The tensor that the parameter stands for; plans have none, they know its name.
    """

    name: str
    constant: float = 0.0
    slope: float = 1.0
    ramp: Ramp | None = None
    held: Any = None

    size: ClassVar[int] = 1

    @property
    def names(self) -> frozenset[str]:
        """The parameter."""
        return frozenset([self.name])

    @property
    def holding(self) -> tuple[Affine, ...]:
        """Itself, where it is a function of a tensor."""
        return () if self.held is None else (self,)

    @property
    def is_finite(self) -> bool:
        """Whether all its numbers are, and the ramp has a length."""
        start, end = self.ramp or (0.0, 1.0)
        return all(map(isfinite, (self.constant, self.slope, start, end))) and start != end

    def value_in(self, values: Mapping[str, Any]) -> Any:
        """Return the parameter's value: the one given, else that of the tensor."""
        given = values.get(self.name)
        return values[self.name] if given is None and self.held is None else self.held.value if given is None else given

    def at(self, values: Mapping[str, Any]) -> Any:
        """Evaluate; values are numbers or tensors."""
        value = self.value_in(values)
        return self.constant + self.slope * (value if self.ramp is None else climbed(value, self.ramp))

    def derivative(self, name: str) -> tuple[float, tuple[Inside, ...]]:
        """Return the derivative by a parameter, a number times what is left of it."""
        if name != self.name:
            return 0.0, ()
        if self.ramp is None:
            return self.slope, ()
        start, end = self.ramp
        return self.slope / (end - start), (Inside(self.name, self.ramp, self.held),)

    def named(self, names: Mapping[int, str]) -> Affine:
        """Return it without the tensor, under the name that it has in the pipeline."""
        return self if self.held is None else attrs.evolve(self, name=names[id(self.held)], held=None)

    @property
    def variable(self) -> str:
        """Printed form of what it is affine in."""
        name = self.name or "tensor"
        return name if self.ramp is None else f"{name}.ramp({self.ramp[0]:g}, {self.ramp[1]:g})"

    def __str__(self) -> str:
        if self.slope == 0.0:
            return f"{self.constant:g}"
        if self.constant == 0.0:
            return self.variable if self.slope == 1.0 else f"{self.slope:g}·{self.variable}"
        sign = "+" if self.slope > 0.0 else "−"
        size = "" if abs(self.slope) == 1.0 else f"{abs(self.slope):g}·"
        return f"({self.constant:g} {sign} {size}{self.variable})"


@attrs.frozen
class Inside:
    """1 between the ends of a ramp, both included, and 0 outside: its slope, as `torch.clamp` is differentiated.

    Parameters
    ----------
    name : str
        Name of the parameter.
    ramp : tuple of float
        Start and end.
    held : HeldValue, optional
        As of `Affine`.
    """

    name: str
    ramp: Ramp
    held: Any = None

    @property
    def names(self) -> frozenset[str]:
        """The parameter."""
        return frozenset([self.name])

    holding = ()
    is_finite = True
    size = 1

    def at(self, values: Mapping[str, Any]) -> Any:
        """Evaluate; values are numbers or tensors."""
        start, end = self.ramp
        part = (values[self.name] - start) / (end - start)
        inside = (part >= 0.0) * (part <= 1.0)
        return inside.to(part.dtype) if hasattr(part, "clamp") else float(inside)

    def derivative(self, _name: str) -> tuple[float, tuple[Inside, ...]]:
        """Return nothing: what jumps at two points has no slope elsewhere."""
        return 0.0, ()

    def named(self, _names: Mapping[int, str]) -> Inside:
        """Return it as it is: only plans have one."""
        return self

    def __str__(self) -> str:
        return f"[{min(self.ramp):g} ≤ {self.name} ≤ {max(self.ramp):g}]"


@attrs.frozen
class Sum:
    """A sum of products, as a factor: what ``1 - lam**2`` is.

    Parameters
    ----------
    terms : tuple of Weight
        Two or more.
    """

    terms: tuple[Weight, ...]

    @property
    def names(self) -> frozenset[str]:
        """Parameters that it is a function of."""
        return frozenset().union(*(term.names for term in self.terms))

    @property
    def holding(self) -> tuple[Affine, ...]:
        """Factors of its terms that are functions of tensors."""
        return tuple(one for term in self.terms for one in term.holding)

    @property
    def is_finite(self) -> bool:
        """Whether its terms are; they were checked when they were made."""
        return True

    @cached_property
    def size(self) -> int:
        """Number of functions of one parameter in it."""
        return sum(factor.size for term in self.terms for factor in term.factors)

    def at(self, values: Mapping[str, Any]) -> Any:
        """Evaluate; values are numbers or tensors."""
        return sum(term.at(values) for term in self.terms)

    def named(self, names: Mapping[int, str]) -> Sum:
        """Return it without tensors, under the names that they have in the pipeline."""
        return Sum(tuple(term.named(names) for term in self.terms))

    def __str__(self) -> str:
        first, *more = self.terms
        rest = [f"− {-term}" if term.scale < 0.0 else f"+ {term}" for term in more]
        return f"({' '.join([str(first), *rest])})"


Factor: TypeAlias = "Affine | Inside | Sum"
"""What a weight is a product of."""
