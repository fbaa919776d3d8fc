"""Runs in a process of its own: calls the hooks of a plugin twice, and loads what its offers point to."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alchemi_core.hookspecs import HOOKS
from alchemi_core.offers import load_target
from alchemi_core.plugin_records import describe

if TYPE_CHECKING:
    from collections.abc import Iterable

_SETTERS = frozenset({"os.putenv", "os.unsetenv", "os.chdir"})
"""Events of https://docs.python.org/3/library/audit_events.html that are noted."""

EXPECTED = {
    "model": "a function or class that makes a model",
    "neighbors": "a function",
    "derivative": "a strategy, its class or a function",
    "reduction": "a function of values and weights",
    "serializer": "what has write and rebuild",
}


def main(folder: Path) -> None:
    """Work through a job, and leave what was found beside it."""
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    known, said, path = set(sys.modules), io.StringIO(), list(sys.path)
    set_by_hooks: list[str] = []
    sys.addaudithook(lambda event, given: set_by_hooks.append(_said(event, given)) if event in _SETTERS else None)
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        plugin = _plugin(job["module"])
        first, second = ({hook: _answer(plugin, hook) for hook in HOOKS} for _ in range(2))
    changed = dict.fromkeys([*set_by_hooks, *(["the import path"] if sys.path != path else [])])
    found = {
        "imported": sorted(_foreign(set(sys.modules) - known, job["module"])),
        "changed": list(changed),
        "unlike": [hook for hook in HOOKS if first[hook] != second[hook]],
        "printed": said.getvalue()[:300],
        "broken": {target: wrong for target, kind in job["targets"].items() if (wrong := _wrong(target, kind))},
    }
    (folder / "found.json").write_text(json.dumps(found), encoding="utf-8")


def _plugin(name: str) -> Any:
    module, _, attribute = name.partition(":")
    found = import_module(module)
    return attrgetter(attribute)(found) if attribute else found


def _answer(plugin: Any, hook: str) -> list[Any]:
    function = getattr(plugin, hook, None)
    return [] if function is None else list(function())


def _said(event: str, given: tuple[Any, ...]) -> str:
    """Say what was set; whoever started this process may have set it as well, when it loaded the plugin."""
    if event == "os.chdir":
        return "the working folder"
    return f"the environment variable {given[0].decode() if isinstance(given[0], bytes) else given[0]}"


def _foreign(modules: Iterable[str], own: str) -> set[str]:
    """Return packages that are neither Python's nor the plugin's own."""
    packages = {name.partition(".")[0] for name in modules}
    mine = {"alchemi_core", own.partition(".")[0].partition(":")[0]}
    return {name for name in packages - mine - sys.stdlib_module_names if not name.startswith("_")}


def _wrong(target: str, kind: str) -> str:
    """Say what is wrong with what an offer points to, empty where nothing is."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            thing = load_target(target)
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything
        return describe(error)
    parts = [getattr(thing, name, None) for name in ("write", "rebuild")] if kind == "serializer" else [thing]
    strategy = kind == "derivative" and hasattr(thing, "finish")
    return "" if strategy or all(map(callable, parts)) else f"is {thing!r:.80}; expected {EXPECTED[kind]}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
