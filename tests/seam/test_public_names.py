"""The public names: each there, each imported when first used, and the same ones for people and type checkers."""

from __future__ import annotations

import ast
from importlib.metadata import version
from pathlib import Path

import pytest

import alchemi_core


def names_for_type_checkers() -> dict[str, str]:
    """Names imported under TYPE_CHECKING, with their modules."""
    tree = ast.parse(Path(alchemi_core.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names}


def test_type_checkers_see_the_same_names() -> None:
    assert names_for_type_checkers().keys() == set(alchemi_core.__all__) - {"__version__"}


@pytest.mark.parametrize(("name", "module"), names_for_type_checkers().items())
def test_each_name_is_what_its_module_defines(name: str, module: str) -> None:
    home = __import__(module, fromlist=[name])
    assert getattr(alchemi_core, name) is getattr(home, name)


def test_version_is_that_of_the_distribution() -> None:
    assert alchemi_core.__version__ == version("alchemi-core")


def test_names_are_listed_before_they_are_used() -> None:
    assert set(alchemi_core.__all__) <= set(dir(alchemi_core))


def test_other_names_are_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"'alchemi_core' has no attribute 'creat_model'"):
        alchemi_core.creat_model  # noqa: B018
