"""Files that are there whole or not at all: written beside their place, then moved onto it."""

from __future__ import annotations

import glob
import json
import os
import re
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path to write to; when the block ends well it replaces `path`, else it is removed.

    Parameters
    ----------
    path : Path
        The file to be; what is there stays until the new one is whole, and keeps its permissions.
    """
    if path.exists() and not path.is_file():
        raise FileExistsError(f"{path} is no file that could be replaced")
    mode = path.stat().st_mode if path.exists() else None
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield draft
        with draft.open("rb+") as written:
            os.fsync(written.fileno())
        if mode is not None:
            draft.chmod(mode)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def drafts_of(path: Path) -> list[Path]:
    """Return what attempts to replace a file have left, of processes that were killed."""
    name = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]+\.part")
    return [draft for draft in path.parent.glob(f".{glob.escape(path.name)}.*.part") if name.fullmatch(draft.name)]


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all."""
    with replacing(path) as draft:
        draft.write_bytes(content)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")
