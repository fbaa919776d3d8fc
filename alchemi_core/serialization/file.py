"""The pipeline file: a safetensors file whose header carries the document. Written whole or not at all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from alchemi_core.atomic_write import write_bytes
from alchemi_core.errors import SerializationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

KEY = "alchemi"


def write_file(path: Path, document: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Write a document and its tensors; an interrupted write leaves the old file, or none.

    Raises
    ------
    SerializationError
        If the document holds something that JSON cannot.
    """
    try:
        text = json.dumps(document, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise SerializationError(
            f"the pipeline cannot be written as JSON: {error}",
            expected="model options that are numbers, texts, lists and mappings",
            who=str(path),
        ) from error
    write_bytes(path, save(dict(tensors), metadata={KEY: text}))


def read_file(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the document and the tensors of a pipeline file.

    Raises
    ------
    SerializationError
        If the file is not a pipeline file.
    """
    try:
        with safe_open(path, framework="pt") as opened:
            text = (opened.metadata() or {}).get(KEY)
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - not a mapping
        document = json.loads(text or "null")
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise _unreadable(path, f"{type(error).__name__}: {error}") from error
    if not isinstance(document, dict):
        raise _unreadable(path, "it carries no pipeline")
    return document, tensors


def _unreadable(path: Path, why: str) -> SerializationError:
    return SerializationError(
        f"cannot be read as a pipeline file: {why}", expected="a file written by pipe.save(path)", who=str(path)
    )
