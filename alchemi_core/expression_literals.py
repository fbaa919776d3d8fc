"""Literals in model expressions: numbers, and the values of options."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.frozenmap import FrozenMap

if TYPE_CHECKING:
    from alchemi_core.expression_source import Source

LARGEST = 1e300


@attrs.frozen(eq=False)
class Literals:
    """Reads literals of one text.

    Parameters
    ----------
    source : Source
        The text.
    """

    source: Source

    def options(self, keywords: list[ast.keyword], name: str) -> dict[str, Any]:
        """Return what stands between the brackets after a name, as ``name=literal``."""
        options: dict[str, Any] = {}
        for keyword in keywords:
            if keyword.arg is None or keyword.arg in options:
                self.source.refuse(keyword, "options are given once each, by name", fix=f"{name}(option=value)")
            options[keyword.arg] = self.value(keyword.value)
        return options

    def value(self, node: ast.expr) -> Any:
        """Return the value of an option; sequences are tuples."""
        match node:
            case ast.List() | ast.Tuple():
                return tuple(self.value(item) for item in node.elts)
            case ast.Dict():
                return self.mapping(node)
            case ast.Constant(value=str() | bool() | None):
                return node.value
        found = number(node)
        if found is None:
            expected = "text in quotes, a finite number, True, False, None, [...] or {...}"
            fix = f"in quotes: '{self.source.written(node)}'" if isinstance(node, ast.Name) else ""
            self.source.refuse(node, "an option takes a value, not something to compute", expected, fix)
        return found

    def mapping(self, node: ast.Dict) -> FrozenMap[str, Any]:
        """Return a mapping of texts to literals."""
        keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
        if not all(isinstance(key, str) for key in keys) or len(set(keys)) < len(keys):
            self.source.refuse(node, "keys of a mapping are texts, each once", fix="{'key': value}")
        return FrozenMap({str(key): self.value(value) for key, value in zip(keys, node.values, strict=True)})


def number(node: ast.expr) -> int | float | None:
    """Return the value of a finite number with any signs before it, else None."""
    sign = 1
    while isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        sign = -sign if isinstance(node.op, ast.USub) else sign
        node = node.operand
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > LARGEST:
        return None
    return sign * value
