"""Every code block of the README and the pages runs: here all of them, with the plugins of this repository."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from docs.markdown_pages import ROOT, Reader, pages, read_blocks

from alchemi_core.registry import default_registry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


APART = {"alchemi-mace": "mace", "alchemi-metatomic": "metatomic", "alchemi-nvalchemi": "nvalchemi"}
"""Plugins with an environment of their own, and what they offer."""


def needs_plugins(page: Path) -> bool:
    return any("needs plugins" in block.marks for block in read_blocks(page))


@pytest.mark.parametrize("page", [*filter(needs_plugins, pages())], ids=lambda page: str(page.relative_to(ROOT)))
def test_blocks_of_a_page_run(page: Path, reader: Callable[[bool], Reader]) -> None:
    assert reader(True).read(page) > 0


def together() -> list[Path]:
    """READMEs of plugins but for those whose own tests run them, since they have an environment of their own."""
    return [page for page in sorted(ROOT.glob("plugins/*/README.md")) if page.parent.name not in APART]


@pytest.mark.usefixtures("prints")  # Warp says on stderr that there is no CUDA driver
@pytest.mark.parametrize("page", together(), ids=lambda page: page.parent.name)
def test_python_blocks_of_a_plugins_readme_run(page: Path, reader: Callable[[bool], Reader]) -> None:
    assert reader(True).read(page, only="python") > 0


def test_the_readme_lists_the_models_on_offer() -> None:
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Plugins")[2].partition("\n## ")[0]
    rows = [line.split("|") for line in table.splitlines() if line.startswith("| [")]
    listed = {name for row in rows for name in re.findall(r"`([\w-]+)`", row[3])}
    assert listed == {*default_registry().names("model"), *APART.values()}


def test_the_readme_example_is_short() -> None:
    (block,) = [b for b in read_blocks(ROOT / "README.md") if b.language == "python"]
    assert len(block.text.splitlines()) <= 15
