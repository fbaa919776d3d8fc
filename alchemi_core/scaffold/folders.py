"""A folder that is there whole or not at all: written beside its place, then moved onto it."""

from __future__ import annotations

import os
import secrets
import shutil
from typing import TYPE_CHECKING

from alchemi_core.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def refuse_occupied(folder: Path) -> None:
    """Refuse a folder that cannot be made.

    Raises
    ------
    OptionError
        If there is something of that name, or no folder around it.
    """
    if os.path.lexists(folder):
        raise OptionError(
            f"{folder} exists", expected="a new folder", who="new-plugin", fix="--out with another name, or remove it"
        )
    if not folder.parent.is_dir():
        raise OptionError(
            f"there is no folder {folder.parent}", expected="one", who="new-plugin", fix=f"mkdir -p {folder.parent}"
        )


def write_folder(folder: Path, files: Mapping[str, str]) -> None:
    """Write a folder with files, by their paths inside it; where anything fails, nothing stays behind.

    Raises
    ------
    OptionError
        If there is something of that name, or no folder around it.
    """
    refuse_occupied(folder)
    draft = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.part")
    try:
        for name, text in files.items():
            path = draft / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        draft.rename(folder)
    finally:
        if draft.exists():
            shutil.rmtree(draft)
