"""Reader of model expressions: text to a flat sum of models and groups, with the place marked where it cannot."""

from __future__ import annotations

import ast
import re
from math import isfinite
from typing import Any, NoReturn, TypeAlias

import attrs

from alchemi_core.errors import ExpressionError
from alchemi_core.expressions import Expression, Group, Summand, Term
from alchemi_core.frozenmap import FrozenMap

MAX_LENGTH = 10_000
"""Longest expression read, in characters."""

MAX_DEPTH = 50
"""Deepest nesting of brackets read."""

EXAMPLE = "0.5*sevennet + dftd3(functional='pbe')"
RENAMES = "{'partial_charges': 'charges'}"
LARGEST = 1e300

_STRING = r"'''(?:\\.|[^\\])*?'''|\"\"\"(?:\\.|[^\\])*?\"\"\"|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\""
_HYPHENATED = re.compile(rf"(?:{_STRING})|((?<![\w.])[^\W\d]\w*(?:-\w+)+)", re.DOTALL)
_BRACKET = re.compile(rf"(?:{_STRING})|#[^\n]*|([([{{])|([)\]}}])", re.DOTALL)

_Value: TypeAlias = "float | tuple[Summand, ...]"
"""What a part of an expression stands for: a bare number, or a sum."""

_Place: TypeAlias = "ast.expr | ast.keyword | tuple[int, int]"
"""A node, or line and column in characters, from 0."""


class Reader:
    """One reading of one text.

    Parameters
    ----------
    text : str
        The expression.
    """

    def __init__(self, text: str) -> None:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        # Inside brackets line breaks are free.
        self.source = f"({text}\n)"
        self.lines = self.source.split("\n")

    def read(self) -> Expression:
        """Return the expression, or raise `ExpressionError`."""
        self._check_size()
        try:
            return Expression(self._terms(self._parse()))
        except (RecursionError, MemoryError):
            self._refuse((0, 1), "the expression is too long or nested too deeply", fix="take signs and brackets away")

    def _check_size(self) -> None:
        if len(self.source) > MAX_LENGTH:
            self._refuse((0, 1), f"the expression is {len(self.source)} characters long", f"at most {MAX_LENGTH}")
        if not self.source[1:-1].strip():
            self._refuse((0, 1), "the expression is empty", "at least one model")
        depth = 0
        for found in _BRACKET.finditer(self.source):
            depth += bool(found[1]) - bool(found[2])
            last = found.end() == len(self.source)
            if depth > MAX_DEPTH:
                self._refuse(self._place(found.start()), "brackets are nested too deeply", f"at most {MAX_DEPTH}")
            if (depth == 0) != last:
                place = self._place(found.start() - last)
                self._refuse(place, "brackets do not match", "as many closed as opened")

    def _place(self, index: int) -> tuple[int, int]:
        line = self.source.count("\n", 0, index)
        return line, index - (self.source.rfind("\n", 0, index) + 1)

    def _parse(self) -> ast.expr:
        # Hyphens in names turned to underscores keep every column where it was.
        plain = _HYPHENATED.sub(lambda found: found[0].replace("-", "_") if found[1] else found[0], self.source)
        try:
            return ast.parse(plain, mode="eval").body
        except SyntaxError as error:
            place = ((error.lineno or 1) - 1, (error.offset or 1) - 1)
            self._refuse(place, f"this is not an expression: {error.msg.partition(';')[0]}")
        except ValueError as error:
            self._refuse((0, 1), f"this is not an expression: {error}")

    def _terms(self, node: ast.expr) -> tuple[Summand, ...]:
        """Terms of a part that must be a sum of models."""
        value = self._value(node)
        if isinstance(value, float):
            self._refuse(node, "a number alone is no model", fix=f"multiply a model by it: {value:g}*name")
        return value

    def _value(self, node: ast.expr) -> _Value:
        match node:
            case ast.BinOp(op=ast.Add()):
                return self._sum(node)
            case ast.BinOp(op=ast.Mult()):
                return self._product(node)
            case ast.BinOp(op=ast.RShift()):
                return (self._renamed(node),)
            case ast.List():
                return (self._group(node),)
            case ast.Name():
                return (Term(self._written(node)),)
            case ast.Call():
                return (self._call(node),)
            case ast.Constant() | ast.UnaryOp():
                return self._weight(node)
        return self._misfit(node)

    def _sum(self, node: ast.expr) -> tuple[Summand, ...]:
        parts: list[ast.expr] = []
        while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            parts.append(node.right)
            node = node.left
        return tuple(term for part in [node, *reversed(parts)] for term in self._terms(part))

    def _product(self, node: ast.BinOp) -> _Value:
        left, right = self._value(node.left), self._value(node.right)
        if isinstance(left, tuple):
            left, right = right, left
        if isinstance(left, tuple):
            self._refuse(node.right, "two models are multiplied", "a number on one side of *", "a + b adds models")
        product = left * right if isinstance(right, float) else tuple(term.scaled(left) for term in right)
        if not (isfinite(product) if isinstance(product, float) else Expression(product).is_finite):
            self._refuse(node, "the weight is not finite")
        return product

    def _group(self, node: ast.List) -> Group:
        """Steps in square brackets; a sum or a group among them is refused, and the fix is the list of all models."""
        values = [self._terms(item) for item in node.elts]
        whole = Group(tuple(model for value in values for model in Expression(value).models))
        if not values:
            self._refuse(node, "there is nothing in the square brackets", "one model or more", "[eeq, ewald]")
        for item, value in zip(node.elts, values, strict=True):
            if not _is_model(value):
                what = "a sum" if len(value) > 1 else "a group"
                self._refuse(item, f"{what} stands inside square brackets", "one model between commas", str(whole))
        return whole

    def _renamed(self, node: ast.BinOp) -> Term:
        if not isinstance(node.right, ast.Dict):
            self._no_renames(node)
        value, renames = self._terms(node.left), self._mapping(node.right)
        if not _is_model(value):
            self._refuse(node.left, "renames are of the outputs of one model", "one model before >>", self._owner(node))
        if not all(isinstance(new, str) for new in renames.values()):
            self._refuse(node.right, "new names are texts", fix=f"such as {RENAMES}")
        (term,) = value[0].models
        if term.wire:
            self._refuse(node.right, "outputs are renamed twice", fix="all renames in one {...}")
        return attrs.evolve(term, wire=renames)

    def _owner(self, node: ast.BinOp) -> str:
        """Say where renames belong that follow several models: the last of them has them, most likely."""
        match node.left:
            case ast.BinOp(op=ast.Add(), left=rest, right=last):
                return f"{self._written(rest)} + ({self._written(last)} >> {self._written(node.right)})"
        return f"after the model that gives them: [eeq >> {self._written(node.right)}, ewald]"

    def _no_renames(self, node: ast.BinOp) -> NoReturn:
        left, right, first = self._written(node.left), self._written(node.right), node.right
        while isinstance(first, ast.BinOp):
            first = first.left
        fix = f"[{left}, {right}]"
        if isinstance(first, ast.Dict):
            renames = self._written(first)
            fix = f"({left} >> {renames}){right.removeprefix(renames)}"
        self._refuse(node.right, "what stands after >> is no mapping of names", f"renames, such as {RENAMES}", fix)

    def _call(self, node: ast.Call) -> Term:
        if not isinstance(node.func, ast.Name):
            self._refuse(node.func, "this cannot take options", "a model name before the bracket")
        name = self._written(node.func)
        if node.args:
            self._refuse(node.args[0], "an option without a name", fix=f"{name}(option=value)")
        options: dict[str, Any] = {}
        for keyword in node.keywords:
            if keyword.arg is None or keyword.arg in options:
                self._refuse(keyword, "options are given once each, by name", fix=f"{name}(option=value)")
            options[keyword.arg] = self._literal(keyword.value)
        return Term(name, options)

    def _weight(self, node: ast.expr) -> float:
        number = _number(node)
        return self._no_number(node) if number is None else float(number)

    def _no_number(self, node: ast.expr) -> NoReturn:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            self._refuse(node, "a text is no model", "a model name", f"without quotes: {node.value}")
        if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Name | ast.Call | ast.List):
            fix = f"-1*{self._written(node.operand)}"
            self._refuse(node, "a sign stands before a model", "signs before numbers", fix)
        self._refuse(node, "this is neither a model nor a finite number")

    def _literal(self, node: ast.expr) -> Any:
        match node:
            case ast.List() | ast.Tuple():
                return tuple(self._literal(item) for item in node.elts)
            case ast.Dict():
                return self._mapping(node)
            case ast.Constant(value=str() | bool() | None):
                return node.value
        number = _number(node)
        if number is None:
            expected = "text in quotes, a finite number, True, False, None, [...] or {...}"
            fix = f"in quotes: '{self._written(node)}'" if isinstance(node, ast.Name) else ""
            self._refuse(node, "an option takes a value, not something to compute", expected, fix)
        return number

    def _mapping(self, node: ast.Dict) -> FrozenMap[str, Any]:
        keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
        if not all(isinstance(key, str) for key in keys) or len(set(keys)) < len(keys):
            self._refuse(node, "keys of a mapping are texts, each once", fix="{'key': value}")
        return FrozenMap({str(key): self._literal(value) for key, value in zip(keys, node.values, strict=True)})

    def _misfit(self, node: ast.expr) -> NoReturn:
        match node:
            case ast.BinOp(op=ast.Sub()):
                self._refuse(node.right, "models are not subtracted", "+ between models", "a + -1*b")
            case ast.BinOp(op=ast.Div()):
                self._refuse(node.right, "models are not divided", "* by a number", "0.5*a")
            case ast.Tuple(elts=[_, second, *_]):
                fix = f"[{', '.join(map(self._written, node.elts))}]"
                self._refuse(second, "models are listed", "+ between models, [...] around steps of one group", fix)
        self._refuse(node, "this does not belong here", "models, name=literal options, +, * by numbers, brackets")

    def _written(self, node: ast.expr) -> str:
        return ast.get_source_segment(self.source, node) or ""

    def _refuse(self, where: _Place, what: str, expected: str = "", fix: str = "") -> NoReturn:
        """Raise, with the line shown and the column marked."""
        line, column = where if isinstance(where, tuple) else self._start(where)
        text = (self.lines[line] if line < len(self.lines) else "").replace("\t", " ")
        if line == 0:
            text, column = text[1:], column - 1
        begin = max(0, column - 70)
        marked = f"{what}\n    {text[begin : begin + 100]}\n    {' ' * (column - begin)}^"
        raise ExpressionError(marked, expected=expected, who="model expression", fix=fix or f"such as {EXAMPLE}")

    def _start(self, node: ast.expr | ast.keyword) -> tuple[int, int]:
        """Line and column in characters; `ast` counts columns in UTF-8 bytes."""
        line = node.lineno - 1
        return line, len(self.lines[line].encode()[: node.col_offset].decode(errors="ignore"))


def _number(node: ast.expr) -> int | float | None:
    """Value of a finite number with any signs before it, else None."""
    sign = 1
    while isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        sign = -sign if isinstance(node.op, ast.USub) else sign
        node = node.operand
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > LARGEST:
        return None
    return sign * value


def _is_model(value: tuple[Summand, ...]) -> bool:
    """Tell whether a sum is a single model."""
    return len(value) == 1 and isinstance(value[0], Term)
