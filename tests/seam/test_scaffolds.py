"""Plugins of every kind as ``alchemi new-plugin`` writes them: pip builds and installs each, and its own tests pass.

They are real distributions: the build backend is the one that they name, and nothing but the core is there beside them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import distributions
from typing import TYPE_CHECKING

import pytest

from alchemi_core.scaffold.kinds import KINDS

from .conftest import Site

if TYPE_CHECKING:
    from pathlib import Path

PIP = ("-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--no-compile")
WORDS = {"builder": "--kind neighbors", "convert": "--kind neighbors --role convert"}
FOLDERS = [kind.folder for roles in KINDS.values() for kind in roles]
OFFERED = {"builder": "neighbors", "convert": "neighbors"}
DATA = {"model": {"py.typed", "references.bib"}, "serializer": {"py.typed", "references.bib", "parameters.json"}}


class Installed:
    """One plugin: the folder it was written to, and the site it was installed in."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind, self.site, self.name = kind, Site(folder), f"alchemi-try-{kind}"
        self.folder = self.site.work / self.name
        words = ["new-plugin", f"try-{kind}", *WORDS.get(kind, f"--kind {kind}").split(), "--author", "P. M. Morse"]
        self.site.run(f"from alchemi_core.cli.main import main\nassert main({words!r}) == 0")
        self.python(*PIP, "--disable-pip-version-check", "--target", str(self.site.folder), str(self.folder))
        self.site.distributions.append(self.name)

    def python(self, *words: str) -> str:
        """Run Python in the folder, with nothing but the core and the plugin in its sight; return what it prints."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("ALCHEMI", "PIP_", "PYT"))}
        own = {"PYTHONPATH": str(self.site.folder), "PYTHONDONTWRITEBYTECODE": "1", "ALCHEMI_PLUGINS": self.name}
        done = subprocess.run(
            [sys.executable, "-P", *words],
            env=clean | own,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module", params=FOLDERS)
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(request.param, tmp_path_factory.mktemp(request.param))


def test_the_registry_has_what_it_offers(installed: Installed) -> None:
    registry = installed.site.discover()
    assert registry.failures == ()
    kind = OFFERED.get(installed.kind, installed.kind)
    assert f"try-{installed.kind}" in {offer.name for offer in registry.offers(kind)}


def test_the_wheel_holds_all_of_the_package_and_the_licence(installed: Installed) -> None:
    package = installed.site.folder / f"alchemi_try_{installed.kind}"
    beside = {path.name for path in package.iterdir() if path.suffix != ".py"}
    assert beside == DATA.get(installed.kind, {"py.typed"})
    (found,) = distributions(path=[str(installed.site.folder)])
    assert (found.name, found.metadata["License-Expression"]) == (installed.name, "MIT")
    assert found.metadata["License-File"] == "LICENSE"
    assert found.metadata["Author"] == "P. M. Morse"


def test_its_tests_pass_as_it_stands(installed: Installed) -> None:
    # of the many ways to convert one list into another, the commonest: that all of them are right takes half a minute
    few = ("-k", "not to-every") if installed.kind == "convert" else ()
    printed = installed.python("-m", "pytest", "-v", "-p", "no:cacheprovider", *few)
    outcome = re.sub(r"\d+ passed(, \d+ deselected)? in .* =", "passed", printed.splitlines()[-1]).strip("= ")
    assert outcome == "passed", printed
    assert len(re.findall(r"^tests/test_conformance\.py::test_conformance\[.* PASSED", printed, re.MULTILINE)) > 10


@pytest.mark.parametrize("installed", ["reduction"], indirect=True)
def test_the_command_checks_it(installed: Installed) -> None:
    code = f"from alchemi_core.cli.main import main\nassert main(['check', '--plugin', {installed.name!r}]) == 0"
    assert "try-reduction" in installed.python("-c", code)
