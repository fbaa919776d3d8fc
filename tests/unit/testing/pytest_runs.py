"""Running pytest as the author of a plugin does: on files in a folder, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from textwrap import dedent

import attrs


@attrs.frozen
class PytestRun:
    """What came of it: exit code, what was printed, and the outcome and report of each test by its name."""

    code: int
    text: str
    outcomes: dict[str, str]
    reports: dict[str, str]


def run_pytest(folder, *words, files=None, environment=None):
    """Write files into a folder and run pytest there, warnings as errors."""
    for name, text in (files or {}).items():
        (folder / name).write_text(dedent(text))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-W",
        "error",
        "-p",
        "no:cacheprovider",
        "--junit-xml=report.xml",
        *words,
    ]
    known = {**kept, "OMP_NUM_THREADS": "1", **(environment or {})}
    done = subprocess.run(command, cwd=folder, env=known, capture_output=True, text=True, check=False)
    return PytestRun(done.returncode, done.stdout + done.stderr, *_read(folder / "report.xml"))


def _read(path):
    if not path.exists():
        return {}, {}
    outcomes, reports = {}, {}
    for case in ET.parse(path).getroot().iter("testcase"):  # noqa: S314 - pytest wrote it, a moment ago
        name = case.get("name")
        for problem in case:
            kind = "xfailed" if problem.get("type") == "pytest.xfail" else problem.tag
            outcomes[name] = kind
            reports[name] = f"{problem.get('message') or ''}\n{problem.text or ''}"
        outcomes.setdefault(name, "passed")
    return outcomes, reports
