"""What the project says of itself is so: commands of the README, links, languages of code, nothing of a machine."""

from __future__ import annotations

import re
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest
from docs.markdown_pages import ROOT, pages, read_blocks

if TYPE_CHECKING:
    from pathlib import Path

README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [*pages(), *ROOT.glob("C*.md"), *ROOT.glob("plugins/*/*.md"), *ROOT.glob("docs/images/*.svg")]
MACHINE = re.compile(r"(?<![\w.-])/(?:work|tmp|root|home|opt|usr|var|mnt|Users)/")


def shell_commands() -> list[str]:
    return [block.text.strip() for block in read_blocks(ROOT / "README.md") if block.language == "sh"]


def test_the_test_command_is_what_continuous_integration_runs() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    lines = [line for line in script.splitlines() if line and not line.startswith(("#", "set ", "cd "))]
    assert shell_commands()[1:] == lines


def test_the_main_job_names_files_and_plugins_that_are_here() -> None:
    command = shell_commands()[0]
    paths = re.findall(r"(?:\./plugins/|examples/)[\w.-]+|constraints\.txt", command)
    assert len(paths) == 4
    assert all((ROOT / path).exists() for path in paths)


def test_every_plugin_is_in_the_table_of_the_readme() -> None:
    folders = {path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml")}
    assert set(re.findall(r"\]\(plugins/([\w-]+)\)", README)) == folders


def test_the_readme_fits_on_a_page() -> None:
    assert len(README.splitlines()) < 120


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_documents_name_nothing_of_a_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not MACHINE.findall(text)
    assert not re.search(r"\b(?:TODO|FIXME|TBD|XXX)\b", text)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_to_files_lead_somewhere(path: Path) -> None:
    words = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\((?!https?://|#)([^)#\s]+)", words)
    assert [target for target in targets if not (path.parent / target).exists()] == []


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_code_blocks_say_their_language(path: Path) -> None:
    languages = {block.language.partition(" ")[0] for block in read_blocks(path)}
    assert {language for language in languages if not language.startswith("{")} <= {"python", "sh", "text", "toml"}


def test_the_changelog_knows_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"\n## {project['version']} " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_readme_names_the_oldest_python_that_the_package_takes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    oldest = project["requires-python"].removeprefix(">=")
    assert f"Python {oldest}" in README
    assert sys.version_info >= tuple(map(int, oldest.split(".")))


def test_constraints_differ_in_numpy_only():
    kinds = ("constraints.txt", "constraints-nvalchemi.txt")
    one, other = ({line for line in (ROOT / name).read_text().splitlines() if "==" in line} for name in kinds)
    assert {line.partition("==")[0] for line in one ^ other} == {"numpy"}
