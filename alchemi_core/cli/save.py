"""``alchemi save``: a pipeline to a file, or to text."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from alchemi_core.cli.composing import compose
from alchemi_core.cli.deriving import derived
from alchemi_core.cli.file_view import FileView, in_bytes
from alchemi_core.errors import OptionError
from alchemi_core.forms.texts import SUFFIXES, pipeline_text
from alchemi_core.serialization.saving import END

if TYPE_CHECKING:
    import argparse


def run(arguments: argparse.Namespace) -> int:
    """Write or print the pipeline."""
    path = _checked(arguments)
    pipeline = compose(arguments.model, torch.device("cpu"), arguments.accept)
    if arguments.derivative is not None:
        pipeline = derived(pipeline, arguments.derivative)
    if path is None:
        sys.stdout.write(pipeline_text(pipeline, arguments.form).rstrip("\n") + "\n")
        return 0
    pipeline.save(path, reference_weights=arguments.reference_weights)
    sys.stdout.write(_summary(path) if path.suffix == END else f"wrote {path}\n")
    return 0


def _checked(arguments: argparse.Namespace) -> Path | None:
    """Return the file to write, None where text is to be printed."""
    if (arguments.file is None) == (arguments.form is None):
        raise OptionError("no file, or two forms", expected="FILE or --as", who="save", fix=f"alchemi save NAME{END}")
    path = None if arguments.file is None else Path(arguments.file)
    if arguments.reference_weights and (path is None or path.suffix != END):
        raise OptionError("weights are no part of a text", expected=f"NAME{END}", who="--reference-weights")
    if path is None:
        return None
    if path.suffix not in (END, *SUFFIXES):
        ends = ", ".join((END, *SUFFIXES))
        raise OptionError(
            f"{path} ends with {path.suffix!r}", expected=f"one of {ends}", who="save", fix=f"{path}{END}"
        )
    if path.exists() and not arguments.overwrite:
        raise OptionError(f"{path} is there already", expected="a new file", who="save", fix="--overwrite")
    return path


def _summary(path: Path) -> str:
    view = FileView.read(path)
    held = sum(bool(entry["weights"]) for entry in view.models)
    referred = [str(entry["name"]) for entry in view.models if entry.get("reference")]
    lines = [f"wrote {path}: {len(view.models)} models, {held} with weights, {in_bytes(view.header.size)}"]
    lines += [f"  weights named by checksums: {', '.join(referred)}"] if referred else []
    for number, reason in view.handed.items():
        lines.append(
            f"  model {number} ({view.models[number]['name']}) is to be handed over when it is loaded: {reason}"
        )
    for number, name in view.functions.items():
        lines.append(f"  the derivative {name!r} of group {number} is to be handed over when it is loaded")
    return "\n".join(lines) + "\n"
