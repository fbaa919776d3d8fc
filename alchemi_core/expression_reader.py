"""Reader of model expressions: text to a flat sum of models, groups and committees, or the place where it is none."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NoReturn, TypeAlias

import attrs

from alchemi_core.errors import AlchemiError, nearest
from alchemi_core.expression_literals import Literals, number
from alchemi_core.expression_source import Source
from alchemi_core.expression_weights import PARAMETER, RAMP, Arithmetic, Scalar, scalar_text
from alchemi_core.expressions import Expression, Group, Members, Summand, Term
from alchemi_core.regions.region import Region
from alchemi_core.topology import MEMBERS, Committee

if TYPE_CHECKING:
    from alchemi_core.expression_source import Place

RENAMES = "{'partial_charges': 'charges'}"

_Value: TypeAlias = "Scalar | tuple[Summand, ...]"
"""What a part of an expression stands for: a weight, or a sum of models."""


class Reader:
    """One reading of one text.

    Parameters
    ----------
    text : str
        The expression.
    """

    def __init__(self, text: str) -> None:
        self._source = Source(text)
        self._literals, self._weights = Literals(self._source), Arithmetic(self._source)

    def read(self) -> Expression:
        """Return the expression, or raise `ExpressionError`."""
        try:
            return Expression(self._terms(self._source.parsed()))
        except (RecursionError, MemoryError):
            self._refuse((0, 1), "the expression is too long or nested too deeply", fix="take signs and brackets away")

    def _terms(self, node: ast.expr) -> tuple[Summand, ...]:
        """Terms of a part that must be a sum of models."""
        return self._models(node, self._value(node))

    def _models(self, node: ast.expr, value: _Value, meant: str = "") -> tuple[Summand, ...]:
        """Value of a part that must be a sum of models."""
        if not isinstance(value, tuple):
            what, text = ("number", f"{value:g}") if isinstance(value, float) else ("weight", scalar_text(value))
            self._refuse(node, f"a {what} alone is no model", fix=meant or f"multiply a model by it: {text}*name")
        return value

    def _value(self, node: ast.expr) -> _Value:
        match node:
            case ast.BinOp():
                return self._operation(node)
            case ast.List():
                return (self._group(node),)
            case ast.Name():
                return self._named(node)
            case ast.Call():
                return self._call(node)
            case ast.Constant() | ast.UnaryOp():
                return self._signed(node)
        return self._misfit(node)

    def _named(self, node: ast.Name) -> _Value:
        name = self._written(node)
        return self._weights.parameter(node, name) if name == PARAMETER else (Term(name),)

    def _operation(self, node: ast.BinOp) -> _Value:
        match node.op:
            case ast.Add() | ast.Sub():
                return self._sum(node)
            case ast.Mult():
                return self._product(node)
            case ast.Div():
                return self._quotient(node)
            case ast.Pow():
                return self._power(node)
            case ast.RShift():
                return (self._renamed(node),)
        return self._misfit(node)

    def _sum(self, node: ast.expr) -> _Value:
        whole, parts = node, list[tuple[ast.expr, float]]()
        while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
            parts.append((node.right, -1.0 if isinstance(node.op, ast.Sub) else 1.0))
            node = node.left
        values = [(part, sign, self._value(part)) for part, sign in [(node, 1.0), *reversed(parts)]]
        scalars = [sign * value for _, sign, value in values if not isinstance(value, tuple)]
        if len(scalars) == len(values):
            return self._weights.total(whole, scalars)
        meant = next((text for part, _, _ in values if (text := self._meant(part))), "") if scalars else ""
        return tuple(term.scaled(sign) for part, sign, value in values for term in self._models(part, value, meant))

    def _quotient(self, node: ast.BinOp) -> _Value:
        right = self._value(node.right)
        if not isinstance(right, float) or right == 0.0:
            what = "a division by a model" if isinstance(right, tuple) else "a division by a coupling parameter"
            what = "a division by zero" if right == 0.0 else what
            self._refuse(node.right, what, "a number after /", "a/2, or 0.5*a")
        return self._scaled(node, 1.0 / right, self._value(node.left))

    def _product(self, node: ast.BinOp) -> _Value:
        left, right = self._value(node.left), self._value(node.right)
        if isinstance(left, tuple):
            left, right = right, left
        if isinstance(left, tuple):
            self._refuse(node.right, "two models are multiplied", "a weight on one side of *", self._no_product(node))
        return self._scaled(node, left, right)

    def _meant(self, node: ast.expr) -> str:
        """Say how a coupling parameter is written, where a name among numbers may be meant for one."""
        name = self._written(node) if isinstance(node, ast.Name) else ""
        if name.startswith(f"{PARAMETER}-"):
            return f"blanks around the minus: {name.replace('-', ' - ')}"
        if name and name != PARAMETER and nearest(name, [PARAMETER]):
            return f"write {PARAMETER!r}"
        return ""

    def _no_product(self, node: ast.BinOp) -> str:
        name = self._written(node.left) if isinstance(node.left, ast.Name) else ""
        parameter = f"; where {name} is a coupling parameter, Coupling({name!r})" if name.isidentifier() else ""
        return self._meant(node.left) or f"a + b adds models{parameter}"

    def _scaled(self, node: ast.expr, left: Scalar, right: _Value) -> _Value:
        if not isinstance(right, tuple):
            return self._weights.product(node, left, right)
        for model in Expression(right).models:
            self._weights.product(node, left, model.weight)
        return tuple(term.scaled(left) for term in right)

    def _power(self, node: ast.BinOp) -> _Value:
        value = self._value(node.left)
        if isinstance(value, tuple):
            self._refuse(node.left, "a power of a model", "a number or a coupling parameter before **", "coupling**2*a")
        return self._weights.power(node, value)

    def _group(self, node: ast.List) -> Group:
        """Steps in square brackets; a sum or a group among them is refused, and the fix is the list of all models."""
        values = [self._terms(item) for item in node.elts]
        whole = Group(tuple(model for value in values for model in Expression(value).models))
        if not values:
            self._refuse(node, "there is nothing in the square brackets", "one model or more", "[eeq, ewald]")
        for item, value in zip(node.elts, values, strict=True):
            if not _is_model(value):
                committees = any(isinstance(term, Members) for term in value)
                what = "a committee" if committees else "a sum" if len(value) > 1 else "a group"
                fix = "committee(...) + [...]" if committees else str(whole)
                self._refuse(item, f"{what} stands inside square brackets", "one model between commas", fix)
        return whole

    def _renamed(self, node: ast.BinOp) -> Term:
        if not isinstance(node.right, ast.Dict):
            self._no_renames(node)
        value, renames = self._terms(node.left), self._literals.mapping(node.right)
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

    def _region(self, node: ast.Call) -> tuple[Summand, ...]:
        """Terms on a part of each system: every model of them."""
        if len(node.args) != 2:
            self._refuse(node, "a region takes a model and its atoms", fix="region(sevennet, 'index < 12')")
        terms = self._terms(node.args[0])
        if any(model.atoms is not None for model in Expression(terms).models):
            self._refuse(node.args[0], "a region stands inside a region", fix="one condition, '(...) and (...)'")
        atoms, options = self._literals.value(node.args[1]), self._literals.options(node.keywords, "region")
        try:
            region = Region.made(atoms, options)
        except AlchemiError as error:
            self._refuse(node.args[1], error.found, error.expected, error.fix)
        return tuple(term.on(region) for term in terms)

    def _call(self, node: ast.Call) -> _Value:
        if isinstance(node.func, ast.Attribute) and node.func.attr == "ramp":
            return self._ramp(node, node.func.value)
        if not isinstance(node.func, ast.Name):
            self._refuse(node.func, "this cannot take options", "a model name before the bracket")
        name = self._written(node.func)
        match name:
            case "region":
                return self._region(node)
            case "committee":
                return (self._committee(node),)
            case "Coupling":
                return self._parameter(node)
            case "coupling":
                self._refuse(
                    node, "coupling is a coupling parameter and takes nothing", fix="coupling, Coupling('mix')"
                )
        if node.args:
            fix = RAMP if name == "ramp" else f"{name}(option=value)"
            self._refuse(node.args[0], "an option without a name", fix=fix)
        return (Term(name, self._literals.options(node.keywords, name)),)

    def _ramp(self, node: ast.Call, of: ast.expr) -> _Value:
        value = self._value(of)
        if isinstance(value, tuple):
            self._refuse(of, "a ramp of a model", "a coupling parameter", RAMP)
        return self._weights.ramp(node, value)

    def _parameter(self, node: ast.Call) -> Scalar:
        if node.keywords or len(node.args) != 1:
            self._refuse(node, "a coupling parameter has one name", "a text", "such as Coupling('mix')")
        return self._weights.parameter(node, self._literals.value(node.args[0]))

    def _committee(self, node: ast.Call) -> Members:
        members = tuple(Expression(self._terms(one)) for one in node.args)
        if len(members) < MEMBERS:
            what = "a committee of one" if members else "a committee without members"
            inside = [self._written(one) for list_ in node.args if isinstance(list_, ast.List) for one in list_.elts]
            fix = f"committee({', '.join(inside)})" if len(inside) >= MEMBERS else "committee(a, b)"
            self._refuse(node, what, "two members or more", fix)
        return Members(members, self._calibration(node.keywords))

    def _calibration(self, keywords: list[ast.keyword]) -> float:
        options = self._literals.options(keywords, "committee")
        for keyword in keywords:
            if keyword.arg != "calibration":
                fix = "committee(a, b, calibration=1.5)"
                self._refuse(keyword, f"a committee has no option {keyword.arg!r}", "calibration", fix)
        try:
            return Committee(**options).calibration
        except AlchemiError as error:
            self._refuse(keywords[0], error.found, error.expected, "committee(a, b, calibration=1.5)")

    def _signed(self, node: ast.expr) -> _Value:
        value = number(node)
        if value is None and isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return self._scaled(node, -1.0, self._value(node.operand))
        return self._no_number(node) if value is None else float(value)

    def _no_number(self, node: ast.expr) -> NoReturn:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            self._refuse(node, "a text is no model", "a model name", f"without quotes: {node.value}")
        self._refuse(node, "this is neither a model nor a finite number")

    def _misfit(self, node: ast.expr) -> NoReturn:
        match node:
            case ast.Tuple(elts=[_, second, *_]):
                fix = f"[{', '.join(map(self._written, node.elts))}]"
                self._refuse(second, "models are listed", "+ between models, [...] around steps of one group", fix)
        self._refuse(node, "this does not belong here", "models, name=literal options, + - * / and brackets")

    def _written(self, node: ast.expr) -> str:
        return self._source.written(node)

    def _refuse(self, where: Place, what: str, expected: str = "", fix: str = "") -> NoReturn:
        self._source.refuse(where, what, expected, fix)


def _is_model(value: tuple[Summand, ...]) -> bool:
    """Tell whether a sum is a single model."""
    return Expression(value).only is not None
