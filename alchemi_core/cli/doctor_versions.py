"""Versions and environment as the doctor reports them: from metadata and files alone, nothing is imported."""

from __future__ import annotations

import ast
import os
import platform
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import importlib_metadata

from alchemi_core.cli.doctor_privacy import shareable_value
from alchemi_core.cli.doctor_section import Row, Section, tried
from alchemi_core.distributions import CORE, plugin_sources
from alchemi_core.plugin_records import PluginFailure, attempt
from alchemi_core.versions import builds_on, installed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

UPSTREAM = ("torch", "numpy", "ase", "vesin", "pluggy")
ABSENT = "not installed"
BUILDS = {"cuda": "CUDA", "hip": "ROCm", "xpu": "XPU"}

PREFIX = "ALCHEMI_"
OTHERS = ("CUDA_VISIBLE_DEVICES", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "PYTHONPATH")
"""Environment variables that change what is found or computed."""


def versions() -> Section:
    """Return versions of the core, of what it computes with, and of plugins with what each builds on."""
    brought = list(dict.fromkeys(source.distribution for source in plugin_sources()[0]))
    upstream = {name: partial(_version, name) for name in UPSTREAM} | {"torch": torch_build}
    here = {"python": platform.python_version, "platform": platform.platform}
    core = attempt(partial(builds_on, CORE), PluginFailure(CORE, CORE, ""))
    listed = UPSTREAM if isinstance(core, PluginFailure) else (*UPSTREAM, *core)
    plugins = {name: partial(_with_foundation, name, listed) for name in brought}
    actions: dict[str, Callable[[], str]] = {CORE: partial(_with_foundation, CORE, UPSTREAM), **here}
    actions |= {**upstream, **plugins}
    return Section(tuple(tried(name, action) for name, action in actions.items()))


def _version(name: str) -> str:
    return installed(name) or ABSENT


def _with_foundation(distribution: str, listed: tuple[str, ...]) -> str:
    """Return a distribution's version and those of what it builds on, without what is listed already."""
    found = [f"{name} {version}" for name, version in builds_on(distribution).items() if name not in listed]
    return _version(distribution) + (f", builds on {', '.join(found)}" if found else "")


def torch_build() -> str:
    """Return torch's version and what it is built for, as its files say."""
    if installed("torch") is None:
        return ABSENT
    dist = importlib_metadata.distribution("torch")
    path = Path(str(dist.locate_file("torch/version.py")))
    if not path.is_file():
        return dist.version
    constants = dict(_constants(path.read_text(encoding="utf-8")))
    built = [f"{name} {constants[key]}" for key, name in BUILDS.items() if constants.get(key)]
    return f"{dist.version}, built for {' and '.join(built) or 'CPU only'}"


def _constants(text: str) -> Iterator[tuple[str, Any]]:
    """Yield names and values that a module sets, read and not run."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            yield ast.unparse(target), node.value.value


def environment(environ: Mapping[str, str] = os.environ) -> Section:
    """Return environment variables that matter; of those that may be secret only that they are set."""
    names = sorted(name for name in environ if name.startswith(PREFIX) or name in OTHERS)
    values = {name: shareable_value(name, environ[name]) for name in names}
    rows = [Row(name, repr(value)) for name, value in values.items()]
    return Section(tuple(rows) or (Row("nothing set", ""),), values)
