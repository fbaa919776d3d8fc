"""From templates to the files of a distribution: words are replaced, nothing else happens."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from alchemi_core.scaffold.licences import TEXTS
from alchemi_core.scaffold.requirement import core_requirement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alchemi_core.scaffold.author import Author
    from alchemi_core.scaffold.kinds import Kind
    from alchemi_core.scaffold.names import PluginName

TEMPLATES = Path(__file__).with_name("templates")
"""Files of a plugin called my-plugin: those at the top are for every kind, those in a folder for one kind."""

COMMON = ("pyproject.toml", "README.md", "CHANGELOG.md", "tox.ini")
MARK = "FILL IN:"
"""Stands at each place that waits for the author, and nowhere else."""


@attrs.frozen
class Scaffold:
    """What is to be written.

    Parameters
    ----------
    names : PluginName
        How it is called.
    kind : Kind
        What it is.
    licence : str
        SPDX name.
    author : Author
        Who writes it.
    core : str
        Version of the core that is installed.
    year : int
        Of the copyright.
    """

    names: PluginName
    kind: Kind
    licence: str
    author: Author
    core: str
    year: int

    @property
    def words(self) -> dict[str, str]:
        """What stands in templates, and what takes its place."""
        return {
            '{ name = "MY-AUTHOR" }': self.author.table,
            "MY-AUTHOR": self.author.name,
            "MY-CORE": core_requirement(self.core),
            "LicenseRef-MY-LICENCE": self.licence,
            "MY-NOUN": self.kind.noun,
            "MY-YEAR": str(self.year),
            "MyPlugin": self.names.class_name,
            "my-plugin": self.names.name,
            "my_plugin": self.names.identifier,
        }


@attrs.frozen
class Place:
    """A place to fill in: where it is, and what belongs there."""

    path: str
    line: int
    text: str


def files_of(scaffold: Scaffold) -> dict[str, str]:
    """Return every file by its path in the folder of the distribution, with ``/`` between names."""
    words = scaffold.words
    pattern = re.compile("|".join(map(re.escape, words)))
    return {
        pattern.sub(lambda found: words[found[0]], path): pattern.sub(lambda found: words[found[0]], text)
        for path, text in _templates(scaffold.kind, scaffold.licence)
    }


def places_in(files: dict[str, str]) -> list[Place]:
    """Return the places to fill in, in the order of the files."""
    return [
        Place(path, number, line.partition(MARK)[2].strip().removesuffix("-->").strip(' "}]'))
        for path, text in files.items()
        for number, line in enumerate(text.splitlines(), start=1)
        if MARK in line
    ]


def names_used(kind: Kind) -> set[str]:
    """Return the names that the code of a kind uses itself, which the class of the plugin cannot have."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in _own_files(kind) if path.suffix == ".py"]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    used = {node.id for node in nodes if isinstance(node, ast.Name)}
    return used | {node.name for node in nodes if isinstance(node, ast.alias | ast.ClassDef)}


def _templates(kind: Kind, licence: str) -> Iterator[tuple[str, str]]:
    """Yield path and text of each file as the templates have them."""
    folder = TEMPLATES / kind.folder
    use = _text(folder / "use.md").strip()
    for name in COMMON:
        yield name, _text(TEMPLATES / name).replace("MY-USE", use)
    yield "LICENSE", _text(TEMPLATES / "licences" / f"{licence if licence in TEXTS else 'other'}.txt")
    yield ".gitignore", _text(TEMPLATES / "gitignore")
    for path in _own_files(kind):
        yield path.relative_to(folder).as_posix(), _text(path)


def _own_files(kind: Kind) -> list[Path]:
    """Return the templates of a kind; not what Python and tools leave beside them."""
    folder = TEMPLATES / kind.folder
    found = [path for name in ("src", "tests") for path in sorted((folder / name).rglob("*")) if path.is_file()]
    return [path for path in found if not any(_is_left(part) for part in path.relative_to(folder).parts)]


def _is_left(part: str) -> bool:
    return part == "__pycache__" or part.startswith(".")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
