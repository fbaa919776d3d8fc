"""Python in a process of its own, with the same import path and nothing imported yet."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from subprocess import CompletedProcess

LIMIT = 300.0
"""Seconds."""


def run_module(module: str, *arguments: str, folder: Path | None = None) -> CompletedProcess[str]:
    """Run ``python -m module arguments``.

    Parameters
    ----------
    module : str
        The module.
    *arguments : str
        Its arguments.
    folder : Path, optional
        Where it runs, which also comes last on its import path.

    Returns
    -------
    CompletedProcess
        With what it printed; its exit status is -1 where it was not done in time.
    """
    return _run(["-m", module, *arguments], folder)


def run_code(code: str, *arguments: str) -> CompletedProcess[str]:
    """Run ``python -c code arguments``; what it returns is that of `run_module`."""
    return _run(["-c", code, *arguments], None)


def _run(arguments: list[str], folder: Path | None) -> CompletedProcess[str]:
    path = [str(Path(one).absolute()) for one in sys.path if one]
    added = [] if folder is None else [str(folder)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*path, *added]), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-P", *arguments]
    try:
        return subprocess.run(  # noqa: S603 - Python itself, with code of this package
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=LIMIT
        )
    except subprocess.TimeoutExpired as error:
        text = error.stderr.decode(errors="replace") if isinstance(error.stderr, bytes) else ""
        return subprocess.CompletedProcess(command, -1, "", f"{text}\nnot done after {LIMIT:g} s")
