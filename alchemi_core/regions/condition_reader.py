"""Reader of conditions on atoms: text to a `Condition`, through `ast` and a short list of allowed nodes."""

from __future__ import annotations

import ast
from math import isfinite
from typing import TYPE_CHECKING, NoReturn

from alchemi_core.errors import ExpressionError, nearest
from alchemi_core.quantities import GEOMETRY, QUANTITIES, Per
from alchemi_core.regions.conditions import INDEX, NUMBER, All, Comparison, Flag, Not, Some

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alchemi_core.regions.conditions import Condition

MAX_LENGTH = 10_000
"""Longest text read, in characters."""

EXAMPLE = "element == 'O' and index < 12"
ELEMENT = "element"

_PLACES = frozenset({"x", "y", "z", "r", "position", "distance", "height", "radius"})
_MEANT = {"symbol": ELEMENT, "symbols": ELEMENT, "elements": ELEMENT, "atomic_number": NUMBER, "Z": NUMBER}
_MEANT |= {"atomic_numbers": NUMBER, "numbers": NUMBER, "indices": INDEX, "i": INDEX}
_OPERATORS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
}
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


def read_condition(text: str) -> Condition:
    """Read a condition.

    Parameters
    ----------
    text : str
        Comparisons of ``element``, ``number``, ``index`` or a per-atom field of the batch with constants, combined with
        ``and``, ``or``, ``not`` and brackets; a field of true and false stands by itself.

    Raises
    ------
    ExpressionError
        If the text is anything else. Positions, and what depends on them, are refused.

    Examples
    --------
    >>> read_condition("element in ('O', 'H')")
    Comparison(name='number', operator='in', values=(8, 1))
    """
    if len(text) > MAX_LENGTH:
        raise _refusal(text, f"is {len(text)} characters long", f"at most {MAX_LENGTH}")
    try:
        return _Reader(text).read(ast.parse(text.strip(), mode="eval").body)
    except SyntaxError as error:
        raise _refusal(text, f"is no condition: {error.msg.partition(';')[0]}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, ExpressionError):
            raise
        raise _refusal(text, f"is no condition: {error}") from error


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text

    def read(self, node: ast.expr) -> Condition:
        match node:
            case ast.BoolOp(op=ast.And(), values=values):
                return All(tuple(map(self.read, values)))
            case ast.BoolOp(op=ast.Or(), values=values):
                return Some(tuple(map(self.read, values)))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return Not(self.read(operand))
            case ast.Compare(left=left, ops=ops, comparators=right):
                return self._chain([left, *right], ops)
            case ast.Name(id=name):
                return self._flag(name)
        return self._refuse(f"holds {ast.unparse(node)!r:.60}, which is no condition")

    def _flag(self, name: str) -> Flag:
        if name in (ELEMENT, NUMBER, INDEX):
            self._refuse(f"has {name!r} without a comparison", fix=f"such as {EXAMPLE}")
        return Flag(self._field(name))

    def _chain(self, nodes: Sequence[ast.expr], operators: Sequence[ast.cmpop]) -> Condition:
        links = zip(nodes, operators, nodes[1:], strict=False)
        parts = tuple(self._comparison(left, operator, right) for left, operator, right in links)
        return parts[0] if len(parts) == 1 else All(parts)

    def _comparison(self, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> Comparison:
        sign = _OPERATORS.get(type(operator))
        if sign is None:
            self._refuse(f"compares by {type(operator).__name__.lower()!r}", "== != < <= > >= in, not in")
        if isinstance(right, ast.Name) and not isinstance(left, ast.Name) and sign in _TURNED:
            left, sign, right = right, _TURNED[sign], left
        if not isinstance(left, ast.Name):
            self._refuse(f"compares {ast.unparse(left)!r:.60}", "a name on one side: element, number, index or a field")
        values = self._several(right) if sign in ("in", "not in") else (right,)
        if left.id == ELEMENT:
            return Comparison(NUMBER, self._equality(sign), tuple(map(self._symbol, values)))
        name = left.id if left.id in (NUMBER, INDEX) else self._field(left.id)
        return Comparison(name, sign, tuple(self._constant(value, left.id) for value in values))

    def _equality(self, sign: str) -> str:
        if sign not in ("==", "!=", "in", "not in"):
            self._refuse(f"orders elements by {sign!r}", "== != in, not in", f"number {sign} 8")
        return sign

    def _several(self, node: ast.expr) -> Sequence[ast.expr]:
        if isinstance(node, ast.List | ast.Tuple | ast.Set) and node.elts:
            return node.elts
        what = f"looks for something in {ast.unparse(node)!r:.60}"
        return self._refuse(what, "several constants in brackets, (0, 1, 5)")

    def _symbol(self, node: ast.expr) -> int:
        from ase.data import atomic_numbers

        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            self._refuse(f"compares an element with {ast.unparse(node)!r:.60}", "a symbol in quotes", "element == 'O'")
        if atomic_numbers.get(node.value, 0) < 1:
            known = atomic_numbers.keys() - {"X"}
            close = name if (name := node.value.capitalize()) in known else nearest(node.value, known)
            self._refuse(f"names the element {node.value!r}", "a chemical symbol", f"write {close!r}" if close else "")
        return int(atomic_numbers[node.value])

    def _constant(self, node: ast.expr, name: str) -> int | float:
        sign = 1
        while isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            sign, node = (-sign if isinstance(node.op, ast.USub) else sign), node.operand
        value = node.value if isinstance(node, ast.Constant) else None
        if isinstance(value, bool):
            self._refuse(f"compares {name!r} with {value}", "a number", name if value else f"not {name}")
        if not isinstance(value, int | float) or not isfinite(value) or abs(value) >= 2**53:
            self._refuse(f"compares {name!r} with {ast.unparse(node)!r:.60}", "a number")
        return sign * value

    def _field(self, name: str) -> str:
        if name in _PLACES or name in GEOMETRY - _MEANT.keys():
            self._refuse(
                f"selects by {name!r}: the energy would jump wherever an atom crosses the border, and forces know "
                "nothing of that",
                "what does not change with positions",
                "mark the atoms once: batch.with_fields(part=mask), and select by 'part'",
            )
        if name in _MEANT:
            self._refuse(f"selects by {name!r}", "element, number, index or a field", f"write {_MEANT[name]!r}")
        quantity = QUANTITIES.get(name)
        if quantity is not None and quantity.per is Per.SYSTEM:
            self._refuse(f"selects by {name!r}, which counts systems", "a value of each atom")
        if quantity is not None:
            self._refuse(
                f"selects by {name!r}, which may change with positions: the energy would jump",
                "what does not",
                "mark the atoms once: batch.with_fields(part=mask), and select by 'part'",
            )
        return name

    def _refuse(self, what: str, expected: str = "", fix: str = "") -> NoReturn:
        raise _refusal(self.text, what, expected, fix)


def _refusal(text: str, what: str, expected: str = "", fix: str = "") -> ExpressionError:
    return ExpressionError(
        f"{what}\n    {text:.100}",
        expected=expected or "comparisons of element, number, index or a field of the batch; and, or, not",
        who="atoms of a region",
        fix=fix or f"such as {EXAMPLE}",
    )
