"""Weights of steps as text: ``0.5 * (1.0 - coupling.ramp(0.0, 0.5))``, read without being evaluated."""

from __future__ import annotations

import ast
import itertools
import operator
from typing import TYPE_CHECKING, Any

from alchemi_core.errors import AlchemiError, DeclarationError, SerializationError
from alchemi_core.weights import Coupling, Inside, Sum, Weight, as_weight

if TYPE_CHECKING:
    from collections.abc import Callable

    from alchemi_core.weight_factors import Factor

MAX_LENGTH = 1000
MAX_DEPTH = 50

MAX_SIZE = 200
"""Parameters in a weight that is read, each counted as often as it is multiplied."""


def weight_text(weight: float | Weight, parameter: Callable[[str], str] = str, times: str = " * ") -> str:
    """Return a weight as arithmetic that reads back as the same value.

    Parameters
    ----------
    weight : float or Weight
        Of a step.
    parameter : callable
        Spells a coupling parameter, given its name.
    times : str
        Between factors.

    Examples
    --------
    >>> print(weight_text(0.5 * (1 - Coupling())), "|", weight_text(Coupling() ** 2))
    0.5 * (1.0 - coupling) | coupling**2
    """
    whole = as_weight(weight)
    texts = [_factor(factor, parameter, times) for factor in whole.factors]
    powers = [_power(text, len(list(same))) for text, same in itertools.groupby(texts)]
    return times.join(powers if powers and whole.scale == 1.0 else [repr(whole.scale), *powers])


def _power(text: str, number: int) -> str:
    return text if number == 1 else f"{text}**{number}"


def _factor(factor: Factor, parameter: Callable[[str], str], times: str) -> str:
    if isinstance(factor, Sum):
        first, *more = factor.terms
        signed = [(" - ", -term) if term.scale < 0.0 else (" + ", term) for term in more]
        rest = "".join(sign + weight_text(term, parameter, times) for sign, term in signed)
        return f"({weight_text(first, parameter, times)}{rest})"
    if isinstance(factor, Inside):
        raise SerializationError(f"the slope of a ramp, {factor}", expected="weights made of Coupling()", who="text")
    variable = parameter(factor.name)
    if factor.ramp is not None:
        variable += ".ramp({!r}, {!r})".format(*factor.ramp)
    if factor.constant == 0.0:
        return variable if factor.slope == 1.0 else f"({factor.slope!r}{times}{variable})"
    sign = "-" if factor.slope < 0.0 else "+"
    size = "" if abs(factor.slope) == 1.0 else f"{abs(factor.slope)!r}{times}"
    return f"({factor.constant!r} {sign} {size}{variable})"


def check_weight_size(*weights: float | Weight) -> tuple[Weight, ...]:
    """Return weights as they are, refused where they are too long together to be computed with.

    Powers of sums of powers are short as text and endless as weights.

    Raises
    ------
    DeclarationError
        If they hold more parameters than `MAX_SIZE`.
    """
    checked = tuple(map(as_weight, weights))
    if (size := sum(map(_size, checked))) > MAX_SIZE:
        found, who = f"the weight has {size} factors, those of its sums included", "weight of a step"
        raise DeclarationError(found, expected=f"at most {MAX_SIZE}", who=who)
    return checked


def _size(weight: Weight) -> int:
    return sum(sum(map(_size, one.terms)) if isinstance(one, Sum) else 1 for one in weight.factors)


def read_weight(text: str, who: str) -> Weight:
    """Return the weight that a text stands for.

    Raises
    ------
    SerializationError
        If it is anything but numbers, names of coupling parameters, ``+``, ``-``, ``*``, ``/`` by numbers, ``**`` by
        whole ones, ``coupling.ramp(0.0, 0.5)`` and brackets.
    """
    try:
        return as_weight(_value(_parsed(text), MAX_DEPTH))
    except (
        SyntaxError,
        ValueError,
        TypeError,
        OverflowError,
        ZeroDivisionError,
        AlchemiError,
        RecursionError,
        MemoryError,
    ) as error:
        raise SerializationError(
            f"weight {text!r:.100}: {error.found if isinstance(error, AlchemiError) else error}",
            expected="a number, or one that depends on a coupling parameter, such as '0.5 * (1 - coupling)'",
            who=who,
        ) from error


def _parsed(text: str) -> ast.expr:
    if len(text) > MAX_LENGTH:
        raise ValueError("it is too long")
    return ast.parse(text.strip(), mode="eval").body


def _value(node: ast.expr, depth: int) -> Any:
    if depth == 0:
        raise ValueError("it is nested too deeply")
    match node:
        case ast.Constant(value=int() | float()) if not isinstance(node.value, bool):
            return node.value
        case ast.Name(id=name):
            return Coupling(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, depth - 1)
        case ast.BinOp(op=op, left=left, right=right) if type(op) in _OPERATORS:
            return _checked(_OPERATORS[type(op)](_value(left, depth - 1), _value(right, depth - 1)))
        case ast.BinOp(op=ast.Pow(), left=left, right=ast.Constant(value=int() as power)):
            return _checked(as_weight(_value(left, depth - 1)) ** power)
        case ast.Call(func=ast.Attribute(value=of, attr="ramp"), args=[start, end], keywords=[]):
            return as_weight(_value(of, depth - 1)).ramp(_value(start, 2), _value(end, 2))
    raise ValueError("it holds what is no weight")


def _checked(value: Any) -> Any:
    check_weight_size(value)
    return value


_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
