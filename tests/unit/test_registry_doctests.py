"""The examples in the docstrings of the seam run."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest


@pytest.mark.parametrize(
    "name", ["compatibility", "distributions", "factory", "frozenmap", "models", "plugin_records", "registry"]
)
def test_examples_run(name: str) -> None:
    result = doctest.testmod(import_module(f"alchemi_core.{name}"))
    assert result.attempted > 0
    assert result.failed == 0
