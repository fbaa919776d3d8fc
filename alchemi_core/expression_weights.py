"""Weights in model expressions: arithmetic of numbers and coupling parameters, each step of it checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from alchemi_core.errors import AlchemiError, DeclarationError
from alchemi_core.expression_literals import number
from alchemi_core.forms.weight_text import check_weight_size, weight_text
from alchemi_core.weight_algebra import total
from alchemi_core.weights import Coupling, Weight, as_weight

if TYPE_CHECKING:
    import ast
    from collections.abc import Callable, Iterable

    from alchemi_core.expression_source import Place, Source

PARAMETER = "coupling"
"""The name that stands for the coupling parameter of that name; others are written ``Coupling('name')``."""

RAMP = "coupling.ramp(0, 0.5)"

Scalar: TypeAlias = "float | Weight"
"""A number, or a function of coupling parameters; a weight that depends on none is the number."""


def settled(value: Scalar) -> Scalar:
    """Return a weight in the form in which steps have it: like terms as one, and a number where it is constant."""
    weight = as_weight(value).folded()
    return weight if weight.factors else weight.scale


def scalar_text(value: Scalar) -> str:
    """Return a weight as it is written before ``*model``."""
    return weight_text(value, lambda name: name if name == PARAMETER else f"Coupling({name!r})", "*")


@attrs.frozen(eq=False)
class Arithmetic:
    """Computes with the weights of one text.

    Parameters
    ----------
    source : Source
        The text, for places of errors.
    """

    source: Source

    def checked(self, place: Place, compute: Callable[[], Scalar], fix: str = "such as (1 - coupling)*a") -> Scalar:
        """Return what is computed, refused at a place where it is no weight."""
        try:
            value = compute()
            check_weight_size(value)
            return settled(value)
        except OverflowError:
            self.source.refuse(place, "the weight is not finite")
        except AlchemiError as error:
            what = "the weight is not finite" if error.expected == "finite numbers" else error.found
            self.source.refuse(place, what, error.expected, "" if "finite" in what else fix)

    def total(self, place: Place, values: Iterable[Scalar]) -> Scalar:
        """Return the sum."""
        weights = [as_weight(value) for value in values]
        if not any(weight.factors for weight in weights):
            return self.checked(place, lambda: sum(weight.scale for weight in weights))
        return self.checked(place, lambda: total(check_weight_size(*weights)))

    def product(self, place: Place, left: Scalar, right: Scalar) -> Scalar:
        """Return the product."""
        return self.checked(place, lambda: left * right)

    def power(self, node: ast.BinOp, value: Scalar) -> Scalar:
        """Return a whole power."""
        power = number(node.right)
        if not isinstance(power, int):
            self.source.refuse(node.right, "the power is no whole number", "0, 1, 2, ...", "such as coupling**2")
        return self.checked(node, lambda: as_weight(value) ** power)

    def ramp(self, node: ast.Call, value: Scalar) -> Scalar:
        """Return a stage of a schedule."""
        ends = [number(one) for one in node.args]
        if len(ends) != 2 or None in ends or node.keywords:
            self.source.refuse(node, "a ramp has two ends", "two numbers", RAMP)
        start, end = (float(one) for one in ends if one is not None)
        return self.checked(node, lambda: as_weight(value).ramp(start, end), RAMP)

    def parameter(self, node: ast.expr, name: Any) -> Scalar:
        """Return the coupling parameter that ``Coupling('name')`` is."""
        if not isinstance(name, str):
            self.source.refuse(node, "a coupling parameter has one name", "a text", "such as Coupling('mix')")
        try:
            return Coupling(name)
        except DeclarationError as error:
            self.source.refuse(node, error.found, error.expected, "such as Coupling('mix')")
