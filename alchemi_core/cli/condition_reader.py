"""Reader of conditions: text to comparisons, of a short list of things that may stand in them; nothing is evaluated."""

from __future__ import annotations

import ast
from math import isfinite
from typing import TYPE_CHECKING, NoReturn

from alchemi_core.cli.condition import Comparison, Condition, Joined, Negation, Truth
from alchemi_core.cli.operands import FUNCTIONS, Applied, Arithmetic, Kind, Named, Number, Operand
from alchemi_core.errors import OptionError, nearest
from alchemi_core.frozenmap import FrozenMap
from alchemi_core.quantities import QUANTITIES, SPREADS

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_LENGTH, MAX_DEPTH = 500, 30
EXAMPLE = "max(forces) > 20 or temperature > 2000"
WHO = "--stop-if"

SIGNS: FrozenMap[type[ast.AST], str] = FrozenMap({ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"})
COMPARED: FrozenMap[type[ast.AST], str] = FrozenMap(
    {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
)
WORDS: FrozenMap[type[ast.AST], str] = FrozenMap({ast.BitAnd: "and", ast.BitOr: "or", ast.Invert: "not"})


def read_condition(text: str, known: Mapping[str, Kind]) -> Condition:
    """Read a condition.

    Parameters
    ----------
    text : str
        Comparisons of names, numbers and functions of them, joined by ``and``, ``or`` and ``not``.
    known : mapping of str to Kind
        Names that may stand in it.

    Raises
    ------
    OptionError
        If anything else stands in it.
    """
    if not text.strip():
        _refuse("the condition is empty", "a comparison", f"such as {EXAMPLE!r}")
    if len(text) > MAX_LENGTH:
        _refuse(f"the condition is {len(text)} characters long", f"at most {MAX_LENGTH}")
    try:
        return Condition(_Reader(known).truth(_parsed(text), 0))
    except RecursionError:
        _refuse("the condition is nested too deeply", f"at most {MAX_DEPTH} levels", "take signs and brackets away")


def _parsed(text: str) -> ast.expr:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        place = f" near column {error.offset}" if error.offset else ""
        what = error.msg.partition(";")[0].partition(". Maybe")[0]
        _refuse(
            f"{text!r} is not a condition{place}: {what}",
            "comparisons joined by and, or, not; numbers without units, which are eV, Å, K and fs",
            f"such as {EXAMPLE!r}",
        )
    except (ValueError, MemoryError) as error:
        _refuse(f"it is not a condition: {error or 'nested too deeply'}", "comparisons", f"such as {EXAMPLE!r}")


def _refuse(what: str, expected: str = "", fix: str = "") -> NoReturn:
    raise OptionError(what, expected=expected, who=WHO, fix=fix)


class _Reader:
    """One reading of one condition."""

    def __init__(self, known: Mapping[str, Kind]) -> None:
        self.known = known

    def truth(self, node: ast.expr, depth: int) -> Truth:
        """Read a part that holds or does not."""
        self._check_depth(depth)
        match node:
            case ast.BoolOp():
                parts = tuple(self.truth(part, depth + 1) for part in node.values)
                return Joined(text=ast.unparse(node), parts=parts, all_of=isinstance(node.op, ast.And))
            case ast.UnaryOp(op=ast.Not()):
                return Negation(part=self.truth(node.operand, depth + 1), text=ast.unparse(node))
            case ast.Compare():
                return self._comparison(node, depth)
        self._check_word(node)
        operand = self.operand(node, depth)
        _refuse(
            f"{operand.text!r} is a value and no comparison",
            "a comparison with a number",
            f"such as '{operand.text} > 1'",
        )

    def _comparison(self, node: ast.Compare, depth: int) -> Comparison:
        for sign in node.ops:
            if type(sign) not in COMPARED:
                _refuse(f"{ast.unparse(node)!r} is no comparison of numbers", "one of " + " ".join(COMPARED.values()))
        operands = tuple(self.operand(one, depth + 1) for one in (node.left, *node.comparators))
        text = ast.unparse(node)
        _check_shapes(operands, text)
        if not any(one.names for one in operands):
            _refuse(f"{text!r} never changes during a run", "a name in each comparison", f"such as {EXAMPLE!r}")
        return Comparison(text=text, operands=operands, signs=tuple(COMPARED[type(sign)] for sign in node.ops))

    def operand(self, node: ast.expr, depth: int) -> Operand:
        """Read a part that has a value."""
        self._check_depth(depth)
        match node:
            case ast.Constant():
                return _number(node)
            case ast.Name():
                return self._named(node.id)
            case ast.Call(func=ast.Name()):
                return self._applied(node, depth)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign):
                of = self.operand(node.operand, depth + 1)
                return Applied(text=f"-{of.text}", function="-", argument=of) if isinstance(sign, ast.USub) else of
            case ast.BinOp() if type(node.op) in SIGNS:
                return self._arithmetic(node, depth)
            case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
                _refuse(f"{ast.unparse(node)!r} stands where a value belongs", "values on both sides of a comparison")
        self._check_word(node)
        _refuse(
            f"{_shortened(node)!r} does not belong into a condition",
            f"names, numbers, + - * / and the functions {', '.join(FUNCTIONS)}",
            f"such as {EXAMPLE!r}",
        )

    def _named(self, name: str) -> Named:
        if name in self.known:
            return Named(name, self.known[name])
        if name in FUNCTIONS:
            _refuse(f"{name!r} is a function", "a value in brackets after it", f"such as '{name}(forces)'")
        if name in QUANTITIES:
            fix = "a committee of several models" if name in SPREADS else ""
            _refuse(f"the model gives no {name!r}", "one of " + ", ".join(self.known), fix)
        close = nearest(name, self.known)
        _refuse(
            f"there is no value named {name!r} in this run",
            "one of " + ", ".join(self.known),
            f"did you mean {close!r}?" if close else "",
        )

    def _applied(self, node: ast.Call, depth: int) -> Applied:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in FUNCTIONS:
            close = nearest(name, FUNCTIONS)
            fix = f"did you mean {close!r}?" if close else ""
            _refuse(f"there is no function {name!r}", "one of " + ", ".join(FUNCTIONS), fix)
        if len(node.args) != 1 or node.keywords or isinstance(node.args[0], ast.Starred):
            _refuse(f"{_shortened(node)!r} is not of one value", f"one value in brackets, such as {name}(forces)")
        argument = self.operand(node.args[0], depth + 1)
        return Applied(text=f"{name}({argument.text})", function=name, argument=argument)

    def _arithmetic(self, node: ast.BinOp, depth: int) -> Arithmetic:
        left, right = self.operand(node.left, depth + 1), self.operand(node.right, depth + 1)
        text = ast.unparse(node)
        _check_shapes((left, right), text)
        return Arithmetic(text=text, sign=SIGNS[type(node.op)], left=left, right=right)

    def _check_depth(self, depth: int) -> None:
        if depth > MAX_DEPTH:
            _refuse("the condition is nested too deeply", f"at most {MAX_DEPTH} levels", "take signs and brackets away")

    def _check_word(self, node: ast.expr) -> None:
        """Refuse signs that other languages write for and, or, not."""
        word = WORDS.get(type(node.op)) if isinstance(node, ast.BinOp | ast.UnaryOp) else None
        if word is not None:
            _refuse(f"{_shortened(node)!r} combines bits of numbers", f"{word!r} between comparisons", f"write {word}")


def _number(node: ast.Constant) -> Number:
    value = node.value
    if isinstance(value, bool) or not isinstance(value, int | float):
        _refuse(f"{value!r} is not a number", "a number without unit", f"such as {EXAMPLE!r}")
    try:
        number = float(value)
    except OverflowError:
        number = float("inf")
    if not isfinite(number):
        _refuse("a number is too large", "finite numbers")
    return Number(f"{number:g}" if number == float(f"{number:g}") else repr(number), number)


def _check_shapes(operands: tuple[Operand, ...], text: str) -> None:
    """Refuse two arrays whose elements do not belong together."""
    shapes = dict.fromkeys(operand.kind.counts for operand in operands if operand.kind.counts)
    if len(shapes) > 1:
        _refuse(
            f"{text!r} compares elements that do not belong together: of {' and of '.join(shapes)}",
            "numbers, or values of the same atoms",
            "make one number of each: max(...), min(...), mean(...)",
        )


def _shortened(node: ast.expr) -> str:
    text = ast.unparse(node)
    return text if len(text) <= 60 else text[:59] + "…"
