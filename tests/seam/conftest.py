"""Real installed distributions in a folder of the test's own, seen by a Python of the test's own.

Nothing is imported into the test's process, and which plugins happen to be installed does not matter: only those of
the folder are let in, unless a test asks otherwise.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from alchemi_core.registry import Registry

HOOKS_HEAD = "from alchemi_core.hookspecs import hookimpl\nfrom alchemi_core.offers import *\n"


class Site:
    """A folder of installed distributions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "site"
        self.folder.mkdir()
        self.work = folder / "work"
        self.work.mkdir()
        self.distributions: list[str] = []

    def add(
        self,
        distribution: str,
        version: str = "1.0",
        *,
        modules: Mapping[str, str],
        plugins: Mapping[str, str],
        requires: Sequence[str] = ("alchemi-core",),
    ) -> None:
        """Install a distribution as pip would: modules, and metadata as packaging.python.org specifies."""
        for path, text in modules.items():
            target = self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(dedent(text))
        info = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        header = ["Metadata-Version: 2.3", f"Name: {distribution}", f"Version: {version}"]
        (info / "METADATA").write_text("\n".join([*header, *(f"Requires-Dist: {one}" for one in requires), ""]))
        (info / "WHEEL").write_text("Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        (info / "INSTALLER").write_text("test\n")
        (info / "entry_points.txt").write_text(
            "[console_scripts]\nfake = fake:main\n\n[alchemi]\n" + "".join(f"{k} = {v}\n" for k, v in plugins.items())
        )
        (info / "RECORD").write_text("".join(f"{path},,\n" for path in modules))
        self.distributions.append(distribution)

    def add_plugin(self, distribution: str, hooks: str, version: str = "1.0", **more: Sequence[str]) -> None:
        """Install a distribution of one module with hooks, whose plugin is named as the distribution is."""
        module = distribution.replace("-", "_")
        self.add(
            distribution,
            version,
            modules={f"{module}.py": HOOKS_HEAD + dedent(hooks)},
            plugins={distribution: module},
            **more,
        )

    def run(self, code: str, **environ: str | None) -> str:
        """Run code in a new Python that sees the folder; give what it prints."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("ALCHEMI", "PYTHON"))}
        given = {"ALCHEMI_PLUGINS": ",".join(self.distributions), **environ}
        clean |= {key: value for key, value in given.items() if value is not None}
        clean |= {"PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", dedent(code)],
            env=clean,
            cwd=self.work,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout

    def discover(self, **environ: str | None) -> Registry:
        """Make a registry in a new Python and bring it here; it is made of values only."""
        kept = self.work / "registry.pickle"
        self.run(
            f"""
            import pickle
            from alchemi_core import Registry
            with open({str(kept)!r}, "wb") as file:
                pickle.dump(Registry.discover(), file)
        """,
            **environ,
        )
        registry: Registry = pickle.loads(kept.read_bytes())
        return registry


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def good(site: Site) -> Site:
    """A site with one plugin that works, to stand beside those that do not."""
    site.add_plugin(
        "alchemi-good",
        """
        @hookimpl
        def alchemi_models():
            return [ModelOffer(name="good", summary="works", target="alchemi_good_model:Good")]
        """,
        version="2.1",
    )
    return site
