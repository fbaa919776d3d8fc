"""Provenance: what a run was made of, so that it can be told apart and made again."""

from __future__ import annotations

import hashlib
import platform
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from alchemi_core.cli.composing import model_file
from alchemi_core.distributions import CORE, core_version
from alchemi_core.registry import default_registry
from alchemi_core.versions import builds_on, installed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from alchemi_core.cli.structures import Structure
    from alchemi_core.pipeline import PipelineModelWrapper

UPSTREAM = ("torch", "ase", "numpy")


def now() -> str:
    """Return the time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def describe_model(written: str, pipeline: PipelineModelWrapper, outputs: Iterable[str]) -> dict[str, Any]:
    """Describe what was computed with: the expression or the file, the plan, and what to cite."""
    plan, path = str(pipeline.plan_for(outputs)), model_file(written)
    model = {"expression": written} if path is None else {"file": written, "sha256": checksum(path)}
    return {**model, "plan": plan.splitlines(), "citations": list(pipeline.model_config.citations)}


def describe_inputs(structures: Sequence[Structure]) -> list[dict[str, Any]]:
    """Describe each file once: name, SHA-256, and the structures taken from it."""
    files: dict[Path, list[Structure]] = {}
    for structure in structures:
        files.setdefault(structure.path, []).append(structure)
    return [
        {
            "file": str(path),
            "sha256": checksum(path) if path.is_file() else None,
            "structures": [
                {"formula": str(one.atoms.symbols), "atoms": len(one.atoms), "pbc": one.atoms.pbc.tolist()}
                for one in taken
            ],
        }
        for path, taken in files.items()
    ]


def checksum(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def versions() -> dict[str, Any]:
    """Versions of Python, of what the core computes with, of every plugin and of what each plugin builds on."""
    plugins = [record for record in default_registry().records if record.distribution != CORE]
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        CORE: core_version(),
        **{name: found for name in UPSTREAM if (found := installed(name))},
        "plugins": {
            record.distribution: {"version": record.version, "builds_on": builds_on(record.distribution)}
            for record in plugins
        },
    }


def describe_run(words: Sequence[str], structures: Sequence[Structure], device: str, dtype: str) -> dict[str, Any]:
    """Describe what every command records: the call, inputs, versions, where and in which precision."""
    return {
        "command": ["alchemi", *words],
        "started": now(),
        "inputs": describe_inputs(structures),
        "device": device,
        "dtype": dtype,
        "versions": versions(),
        "executable": sys.executable,
    }
