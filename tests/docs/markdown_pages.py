"""Code blocks of Markdown pages, and running them as a reader would: one after the other, each page on its own.

A comment on the line above a block says what else than "it runs" is expected of it:

``<!-- prints -->``          the block is what the one before it prints; ``...`` stands for anything
``<!-- raises NAME -->``     the block ends in that error, whose text counts as printed
``<!-- exits CODE -->``      the shell block ends with that code, and what it writes to standard error counts as printed
``<!-- file PATH -->``       the block is that file
``<!-- needs plugins -->``   the block runs only where the plugins of this repository are installed
``<!-- not run: WHY -->``    the block does not run
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import attrs

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(
    r"(?P<marks>(?:^<!--[^\n]*-->\n)*)^(?P<fence>`{3,})(?P<language>[^\n`]*)\n(?P<text>.*?)^(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)
_MARK = re.compile(r"^<!-- (prints|raises|exits|file|needs plugins|not run:) ?(.*?) ?-->$", re.MULTILINE)
_RUN = ("python", "sh")
_SAME = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@attrs.frozen
class Block:
    """One code block: where it starts, its language, its text, and what is said about it."""

    path: Path
    line: int
    language: str
    text: str
    marks: dict[str, str]

    @property
    def runs(self) -> bool:
        return self.language in _RUN and "not run:" not in self.marks and "file" not in self.marks

    @property
    def place(self) -> str:
        return f"{self.path.relative_to(ROOT) if self.path.is_relative_to(ROOT) else self.path.name}:{self.line}"


def read_blocks(path: Path) -> list[Block]:
    """Read the blocks of a page, in order."""
    text = path.read_text(encoding="utf-8")
    return [
        Block(
            path,
            text.count("\n", 0, found.start("text")) + 1,
            found["language"],
            found["text"],
            dict(_MARK.findall(found["marks"])),
        )
        for found in _BLOCK.finditer(text)
    ]


def pages() -> list[Path]:
    """Every page of Markdown that readers get."""
    return [ROOT / "README.md", *sorted(path for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts)]


class Reader:
    """Someone who types the blocks of one page, in a folder with the example files.

    Parameters
    ----------
    folder : Path
        Where to work.
    plugins : bool
        Whether the plugins of this repository are installed.
    """

    def __init__(self, folder: Path, *, plugins: bool) -> None:
        self.folder, self.plugins = folder, plugins
        self.names: dict[str, Any] = {"__name__": "page"}
        self.printed = ""
        shutil.copytree(ROOT / "examples", folder / "examples")

    def read(self, page: Path, *, only: str = "") -> int:
        """Go through a page, or the blocks of one language; return how many blocks ran."""
        ran, skipped = 0, False
        for block in read_blocks(page):
            if "file" in block.marks:
                self._write(block)
            elif "prints" in block.marks and not skipped:
                self._compare(block)
            elif block.runs and only in ("", block.language):
                skipped = "needs plugins" in block.marks and not self.plugins
                ran += 0 if skipped else self._run(block)
        return ran

    def _run(self, block: Block) -> int:
        (self._run_python if block.language == "python" else self._run_shell)(block)
        return 1

    def _run_python(self, block: Block) -> None:
        # Empty lines in front make tracebacks point at the page.
        code = compile("\n" * (block.line - 1) + block.text, str(block.path), "exec")
        out = io.StringIO()
        expected = block.marks.get("raises")
        with contextlib.redirect_stdout(out):
            raised = self._exec(code, expected)
        if raised != expected:
            raise AssertionError(f"{block.place} ended with {raised or 'no error'}, not {expected}")
        self.printed = out.getvalue()

    def _exec(self, code: Any, expected: str | None) -> str | None:
        try:
            exec(code, self.names)  # noqa: S102 - running the page is the point
        except Exception as error:
            if type(error).__name__ != expected:
                raise
            print(f"{type(error).__name__}: {error}")  # noqa: T201
            return type(error).__name__
        return None

    def _run_shell(self, block: Block) -> None:
        search = [str(Path(sys.executable).parent), os.environ["PATH"]]
        places = [str(self.folder / "src"), os.environ.get("PYTHONPATH", "")]
        changes = {"PATH": os.pathsep.join(search), "PYTHONPATH": os.pathsep.join(filter(None, places))}
        bash = shutil.which("bash") or "bash"
        done = subprocess.run(
            [bash, "-euo", "pipefail", "-c", block.text],
            cwd=self.folder,
            env=os.environ | changes,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != int(block.marks.get("exits", "0")):
            raise AssertionError(f"{block.place} exits with {done.returncode}\n{done.stdout}\n{done.stderr}")
        self.printed = done.stdout + (done.stderr if "exits" in block.marks else "")

    def _compare(self, block: Block) -> None:
        if not doctest.OutputChecker().check_output(block.text, self.printed, _SAME):
            raise AssertionError(f"{block.place} says\n{block.text}\nbut what is printed is\n{self.printed}")

    def _write(self, block: Block) -> None:
        path = self.folder / block.marks["file"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
        if path.name == "pyproject.toml":
            install(path, self.folder / "src")


def install(pyproject: Path, site: Path) -> None:
    """Write the metadata that ``pip install`` would, so that the package beside it counts as installed."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    requires = "".join(f"Requires-Dist: {one}\n" for one in project["dependencies"])
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    words = {"Summary": project.get("description"), "License-Expression": project.get("license")}
    said = "".join(f"{name}: {text}\n" for name, text in words.items() if text)
    (info / "METADATA").write_text(head + said + requires, encoding="utf-8")
    lines = [
        line
        for group, points in project["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {target}" for name, target in points.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
