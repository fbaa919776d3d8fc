"""``alchemi inspect``: what is in a pipeline file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alchemi_core.cli.file_view import FileView, in_bytes, shown
from alchemi_core.cli.tables import Column, show_table
from alchemi_core.cli.topology_lines import lines_of, settings_line
from alchemi_core.errors import SerializationError
from alchemi_core.registry import default_registry
from alchemi_core.serialization.entries import field
from alchemi_core.serialization.needs import remedies, unmet

if TYPE_CHECKING:
    import argparse

    from alchemi_core.serialization.entries import Entry
    from alchemi_core.serialization.needs import Need

MODELS = (Column(""), Column("model"), Column("options"), Column("plugin"), Column("licence"), Column("tensors"))
NEEDS = (Column("needs"), Column("here"))
LONGEST = 60
"""Characters of options that are shown."""


def run(arguments: argparse.Namespace) -> int:
    """Print what the file says."""
    path = Path(arguments.file)
    if path.suffix == ".toml":
        raise SerializationError("is a text", expected="NAME.alchemi", who=str(path), fix=f"alchemi plan {path}")
    view = FileView.read(path)
    lacking = unmet(view.needs, default_registry())
    if arguments.json:
        sys.stdout.write(json.dumps(_described(view, lacking), indent=2, ensure_ascii=False) + "\n")
    elif arguments.bibtex:
        sys.stdout.write("\n".join(_printable(entry) for entry in view.citations.values()) + "\n")
    else:
        _show(path, view, lacking)
    return 0


def _described(view: FileView, lacking: dict[Need, str]) -> dict[str, Any]:
    document = {name: value for name, value in view.document.items() if name not in ("tensors", "sha256")}
    tensors = {name: {"dtype": one.dtype, "shape": one.shape} for name, one in view.header.tensors.items()}
    about = {
        "bytes": view.header.size,
        "sha256": view.header.seal,
        "unmet": {need.distribution: reason for need, reason in lacking.items()},
        "handed_over": {"models": view.handed, "derivatives": view.functions},
    }
    return {**about, **document, "tensors": tensors}


def _printable(text: str) -> str:
    """Return a text of several lines as it may go to a terminal."""
    return "\n".join(map(shown, text.splitlines()))


def _show(path: Path, view: FileView, lacking: dict[Need, str]) -> None:
    seal = f"checksum {view.header.seal[:12]}" if view.header.seal else "without checksum"
    found = view.header.document.get("format")
    sys.stdout.write(f"{path}  format {found}  {in_bytes(view.header.size)}  {seal}\n")
    sys.stdout.write(f"{view.written}\n\n" if view.written else "\n")
    show_table("", MODELS, [_row(number, entry, view) for number, entry in enumerate(view.models)])
    topology, names = field(view.document, "topology", dict), [str(entry["name"]) for entry in view.models]
    sys.stdout.write("\n" + "\n".join([*lines_of(topology, names), *settings_line(topology), *_outputs(view)]) + "\n\n")
    _show_needs(view, lacking)
    if view.citations:
        sys.stdout.write("\ncite (--bibtex)  " + "  ".join(map(shown, view.citations)) + "\n")


def _row(number: int, entry: Entry, view: FileView) -> list[str]:
    options = ", ".join(f"{name}={_short(value)}" for name, value in (entry.get("options") or {}).items())
    plugin = f"{entry['plugin']} {entry['version']}" if entry.get("offer") else "none"
    cut = options if len(options) <= LONGEST else f"{options[: LONGEST - 1]}…"
    cells = [entry["name"], cut, plugin, entry.get("licence", ""), view.size_of(entry)]
    return [str(number), *map(shown, cells)]


def _short(value: Any) -> str:
    return "{…}" if isinstance(value, dict) else repr(value)


def _outputs(view: FileView) -> list[str]:
    outputs = view.document.get("outputs")
    return [f"gives     {shown(' '.join(map(str, outputs)))}"] if isinstance(outputs, list) else []


def _show_needs(view: FileView, lacking: dict[Need, str]) -> None:
    here = {record.distribution: record.version for record in default_registry().records}
    rows = [
        [f"{need.distribution} {need.version}", lacking.get(need) or here.get(need.distribution, "installed")]
        for need in view.needs
    ]
    if rows:
        show_table("", NEEDS, [list(map(shown, row)) for row in rows])
    handed = [f"model {number} ({shown(view.models[number]['name'])}): {why}" for number, why in view.handed.items()]
    handed += [f"the derivative {name!r} of group {number}" for number, name in view.functions.items()]
    lines = [f"this machine cannot load it: {'; '.join(remedies(lacking))}"] if lacking else []
    lines += ["to be handed over when it is loaded:", *(f"  {text}" for text in handed)] if handed else []
    sys.stdout.write("\n".join(lines or ["this machine can load it"]) + "\n")
