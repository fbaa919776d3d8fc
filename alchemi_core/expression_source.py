"""Text of a model expression: checked in size, parsed, and shown with the place marked where it cannot be read."""

from __future__ import annotations

import ast
import re
from typing import NoReturn, TypeAlias

from alchemi_core.errors import ExpressionError

MAX_LENGTH = 10_000
"""Longest expression read, in characters."""

MAX_DEPTH = 50
"""Deepest nesting of brackets read."""

EXAMPLE = "0.5*sevennet + dftd3(functional='pbe')"

_STRING = r"'''(?:\\.|[^\\])*?'''|\"\"\"(?:\\.|[^\\])*?\"\"\"|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\""
_HYPHENATED = re.compile(rf"(?:{_STRING})|((?<![\w.])[^\W\d]\w*(?:-\w+)+)", re.DOTALL)
_BRACKET = re.compile(rf"(?:{_STRING})|#[^\n]*|([([{{])|([)\]}}])", re.DOTALL)

Place: TypeAlias = "ast.expr | ast.keyword | tuple[int, int]"
"""A node, or line and column in characters, from 0."""


class Source:
    """The text of one expression.

    Parameters
    ----------
    text : str
        As it was written.
    """

    def __init__(self, text: str) -> None:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        # Inside brackets line breaks are free.
        self.text = f"({text}\n)"
        self.lines = self.text.split("\n")

    def parsed(self) -> ast.expr:
        """Return it as a tree, hyphens in names as underscores.

        Raises
        ------
        ExpressionError
            If it is too long, nested too deeply, or no expression of Python.
        """
        self._check_size()
        # Hyphens in names turned to underscores keep every column where it was.
        plain = _HYPHENATED.sub(lambda found: found[0].replace("-", "_") if found[1] else found[0], self.text)
        try:
            return ast.parse(plain, mode="eval").body
        except SyntaxError as error:
            place = ((error.lineno or 1) - 1, (error.offset or 1) - 1)
            self.refuse(place, f"this is not an expression: {error.msg.partition(';')[0]}")
        except ValueError as error:
            self.refuse((0, 1), f"this is not an expression: {error}")

    def _check_size(self) -> None:
        if len(self.text) > MAX_LENGTH:
            self.refuse((0, 1), f"the expression is {len(self.text)} characters long", f"at most {MAX_LENGTH}")
        if not self.text[1:-1].strip():
            self.refuse((0, 1), "the expression is empty", "at least one model")
        depth = 0
        for found in _BRACKET.finditer(self.text):
            depth += bool(found[1]) - bool(found[2])
            last = found.end() == len(self.text)
            if depth > MAX_DEPTH:
                self.refuse(self._place(found.start()), "brackets are nested too deeply", f"at most {MAX_DEPTH}")
            if (depth == 0) != last:
                place = self._place(found.start() - last)
                self.refuse(place, "brackets do not match", "as many closed as opened")

    def _place(self, index: int) -> tuple[int, int]:
        line = self.text.count("\n", 0, index)
        return line, index - (self.text.rfind("\n", 0, index) + 1)

    def written(self, node: ast.expr) -> str:
        """Return a part as it was written, hyphens included."""
        # Not by ast.get_source_segment: it goes through the whole text for every name.
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        whole = "\n".join(self.lines[first : last + 1]).encode()
        behind = len(self.lines[last].encode()) - (node.end_col_offset or 0)
        return whole[node.col_offset : len(whole) - behind].decode(errors="ignore")

    def refuse(self, where: Place, what: str, expected: str = "", fix: str = "") -> NoReturn:
        """Raise `ExpressionError`, with the line shown and the column marked."""
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
