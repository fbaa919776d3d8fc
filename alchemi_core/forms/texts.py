"""The forms for people: a pipeline as text, and from text."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from alchemi_core.atomic_write import write_text
from alchemi_core.errors import AlchemiError, OptionError, SerializationError, nearest
from alchemi_core.forms.expression_text import expression_of
from alchemi_core.forms.python_source import python_text
from alchemi_core.forms.recipes import recipe_of
from alchemi_core.forms.toml_reader import read_toml_file
from alchemi_core.forms.toml_writer import rewritten, toml_text
from alchemi_core.registry import Registry, default_registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from alchemi_core.pipeline import PipelineModelWrapper

FORMS = {"toml": ("TOML", toml_text), "python": ("Python", python_text), "expression": ("an expression", expression_of)}
"""By name: what errors call it, and what writes it."""

SUFFIXES = {".toml": "toml", ".py": "python"}
"""Files that hold a form, by the end of their names."""


def pipeline_text(pipeline: PipelineModelWrapper, form: str, registry: Registry | None = None) -> str:
    """Return a pipeline as text that declares the same.

    Parameters
    ----------
    pipeline : PipelineModelWrapper
        What to write down.
    form : {"toml", "python", "expression"}
        As what.
    registry : Registry, optional
        Where names are looked up; by default the installed plugins.

    Raises
    ------
    OptionError
        If there is no such form.
    SerializationError
        If the form cannot hold all of the pipeline; says what would be lost.
    """
    if form not in FORMS:
        near = nearest(form, FORMS)
        raise OptionError(
            f"form is {form!r}",
            expected="one of " + ", ".join(FORMS),
            who="pipeline_text",
            fix=f"write {near!r}" if near else "",
        )
    name, write = FORMS[form]
    return write(recipe_of(pipeline, name, registry))


def write_form(pipeline: PipelineModelWrapper, path: Path, registry: Registry | None = None) -> None:
    """Write a pipeline as the form that the name of a file asks for; what people wrote in a TOML file there stays.

    Parameters and errors are those of `pipeline_text`.
    """
    if path.suffix.lower() == ".toml" and path.is_file():
        recipe = recipe_of(pipeline, "TOML", registry)
        with naming(path):
            text = rewritten(path.read_text(encoding="utf-8"), recipe, registry or default_registry())
    else:
        text = pipeline_text(pipeline, SUFFIXES[path.suffix.lower()], registry)
    try:
        write_text(path, text)
    except (OSError, ValueError) as error:
        raise SerializationError(
            f"cannot be written: {error}", expected="a file in a folder that is there", who=str(path)
        ) from error


def load_toml(path: Path, registry: Registry | None = None) -> PipelineModelWrapper:
    """Make the pipeline that a TOML file declares.

    Raises
    ------
    SerializationError
        If it declares none: a plugin or option is not there, or the wiring cannot be right.
    """
    recipe = read_toml_file(path, registry or default_registry())
    try:
        with naming(path):
            return recipe.build(registry)
    except AlchemiError:
        raise
    # What plugins raise at values in a text is theirs; to the caller it is one thing.
    except Exception as error:
        raise SerializationError(
            f"{type(error).__name__}: {error}", expected="a pipeline that the plugins can make", who=str(path)
        ) from error


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Put the name of the file before what is wrong with what it declares."""
    try:
        yield
    except AlchemiError as error:
        found = f"{error.who}: {error.found}" if error.who else error.found
        raise SerializationError(found, expected=error.expected, who=str(path), fix=error.fix) from error
