"""A reader for each test, in a folder of its own, who leaves nothing behind in the process."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
from docs.markdown_pages import Reader

from alchemi_core.registry import default_registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bool], Reader]]:
    """Make a reader, told whether plugins are installed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path / "src"))
    monkeypatch.setenv("COLUMNS", "120")
    modules, environment = set(sys.modules), dict(os.environ)
    default_registry.cache_clear()
    yield lambda plugins: Reader(tmp_path, plugins=plugins)
    default_registry.cache_clear()
    # Packages that pages import may set variables for themselves.
    os.environ.clear()
    os.environ.update(environment)
    for name in set(sys.modules) - modules:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
