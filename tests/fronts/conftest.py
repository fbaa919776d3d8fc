"""A plugin with spring models, installed in a folder of its own, and ways to run the command."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from alchemi_core.registry import default_registry

HERE = Path(__file__).parent

HOOKS = """
from alchemi_core.hookspecs import hookimpl
from alchemi_core.offers import ModelOffer

NAMES = {"springs": "Springs", "brittle": "Brittle", "souring": "Souring", "slow-springs": "Slow", "blind": "Blind"}
NAMES |= {"hydrogen": "Hydrogen", "picky": "Picky", "stressless": "Stressless", "charged": "Charged"}
NAMES |= {"flow": "Flow", "coulomb": "Coulomb", "doubtful": "doubtful", "wells": "Wells"}

@hookimpl
def alchemi_models():
    return [ModelOffer(name=n, summary=f"{n} for tests", target=f"spring_models:{c}") for n, c in NAMES.items()]
"""
METADATA = "Metadata-Version: 2.1\nName: alchemi-springs\nVersion: 1.2.3\nRequires-Dist: numpy>=1\n"
ENTRY = "[alchemi]\nsprings = spring_hooks\n"


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """A folder holding the installed distribution ``alchemi-springs``."""
    folder = tmp_path_factory.mktemp("site")
    info = folder / "alchemi_springs-1.2.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(METADATA)
    (info / "entry_points.txt").write_text(ENTRY)
    (folder / "spring_hooks.py").write_text(HOOKS)
    (folder / "spring_models.py").write_text((HERE / "spring_models.py").read_text())
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def springs(site, monkeypatch):
    """Lets the process see the springs plugin and no other."""
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("ALCHEMI_PLUGINS", "alchemi-springs")
    default_registry.cache_clear()
    yield
    default_registry.cache_clear()


class Answer:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def alchemi(springs, here, capfd):
    """Runs the command inside this process: ``alchemi("relax", "a.xyz", ...)``."""
    from alchemi_core.cli.main import main

    def run(*words):
        capfd.readouterr()
        try:
            code = main([str(word) for word in words])
        except SystemExit as stop:
            code = stop.code
        return Answer(code, *capfd.readouterr())

    return run


@pytest.fixture
def start(site, here):
    """Starts the command as a process of its own, and ends it if the test does not."""
    environment = {**os.environ, "PYTHONPATH": str(site), "ALCHEMI_PLUGINS": "alchemi-springs", "OMP_NUM_THREADS": "1"}
    begun = []

    def launch(*words, executable_code=None, terminal=None, **options):
        what = ["-m", "alchemi_core.cli"] if executable_code is None else ["-c", executable_code]
        command = [sys.executable, *what, *map(str, words)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        begun.append(subprocess.Popen(command, env={**environment, **(terminal or {})}, **{**pipes, **options}))
        return begun[-1]

    yield launch
    for process in begun:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def load():
    """Reads a JSON file."""
    return lambda path: json.loads(Path(path).read_text(encoding="utf-8"))
