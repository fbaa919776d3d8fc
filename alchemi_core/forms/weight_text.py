"""Weights of steps as text: ``0.5 * (1.0 - coupling)``, read without being evaluated."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from alchemi_core.errors import AlchemiError, SerializationError
from alchemi_core.weights import Coupling, Weight, as_weight

if TYPE_CHECKING:
    from collections.abc import Callable

    from alchemi_core.weights import Affine

MAX_LENGTH = 1000
MAX_DEPTH = 50


def weight_text(weight: float | Weight, parameter: Callable[[str], str] = str) -> str:
    """Return a weight as arithmetic that reads back as the same value.

    Parameters
    ----------
    weight : float or Weight
        Of a step.
    parameter : callable
        Spells a coupling parameter, given its name.

    Examples
    --------
    >>> print(weight_text(0.5 * (1 - Coupling())))
    0.5 * (1.0 - 1.0 * coupling)
    """
    whole = as_weight(weight)
    factors = [f"({_sum(factor)} * {parameter(factor.name)})" for factor in whole.factors]
    return " * ".join([repr(whole.scale), *factors])


def _sum(factor: Affine) -> str:
    sign = "-" if factor.slope < 0.0 else "+"
    return f"{factor.constant!r} {sign} {abs(factor.slope)!r}"


def read_weight(text: str, who: str) -> Weight:
    """Return the weight that a text stands for.

    Raises
    ------
    SerializationError
        If it is anything but numbers, names of coupling parameters, ``+``, ``-``, ``*`` and brackets.
    """
    try:
        return as_weight(_value(_parsed(text), MAX_DEPTH))
    except (SyntaxError, ValueError, TypeError, OverflowError, AlchemiError, RecursionError, MemoryError) as error:
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
        case ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult(), left=left, right=right):
            return _combined(node.op, _value(left, depth - 1), _value(right, depth - 1))
    raise ValueError("it holds what is no weight")


def _combined(operator: ast.operator, left: Any, right: Any) -> Any:
    if isinstance(operator, ast.Mult):
        return left * right
    return left + right if isinstance(operator, ast.Add) else left - right
