"""Every paper that a plugin cites is described in its package."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest
from docs.markdown_pages import ROOT

from alchemi_core.bibliography import FILE, Entry, read_entries

if TYPE_CHECKING:
    from pathlib import Path

PACKAGES = sorted(path.parent for path in ROOT.glob("plugins/*/src/*/__init__.py"))
DOI = re.compile(r"(?:doi:|https://doi\.org/)?(10\.\d{4,9}/\S+)")
FIELDS = {"author", "title", "year", "doi"}


def cited(package: Path) -> set[str]:
    """DOIs that are whole strings of the source."""
    constants = (
        node.value
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    return {match[1].casefold() for text in constants if (match := DOI.fullmatch(text))}


def described(package: Path) -> tuple[Entry, ...]:
    path = package / FILE
    return read_entries(path) if path.is_file() else ()


def test_plugins_are_found() -> None:
    assert len(PACKAGES) >= 12
    assert sum(bool(cited(package)) for package in PACKAGES) >= 10


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_what_is_cited_is_described_and_nothing_else(package: Path) -> None:
    assert {entry.doi.casefold() for entry in described(package)} == cited(package)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_entries_say_who_what_and_when(package: Path) -> None:
    entries = described(package)
    for entry in entries:
        assert set(re.findall(r"^  (\w+) = \{", entry.text, re.MULTILINE)) >= FIELDS, entry.key
        assert re.fullmatch(r"[A-Za-z]+(\d{4})[a-z]?", entry.key)[1] in entry.text.partition("year = ")[2][:6]  # type: ignore[index]
        assert entry.text.isascii()
    assert len({entry.key for entry in entries}) == len(entries)


def test_one_paper_is_described_in_one_way() -> None:
    texts: dict[str, set[str]] = {}
    for package in PACKAGES:
        for entry in described(package):
            texts.setdefault(entry.doi.casefold(), set()).add(entry.text)
    assert {doi for doi, ways in texts.items() if len(ways) > 1} == set()
