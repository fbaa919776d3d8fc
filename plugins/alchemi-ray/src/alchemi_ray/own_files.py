"""Files that a run put into its folders; whatever else is there is not ours to remove."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SHARD = r"[0-9]{6,}\.(parquet|extxyz)"
OWN = re.compile(rf"{SHARD}|\.{SHARD}\.[0-9a-f]+\.part")
"""Names of the file of a shard, and of its draft, see `alchemi_core.atomic_write.replacing`."""


def own_files(folder: Path) -> list[Path]:
    """Return the files of shards and their drafts; none where the folder is not there."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if OWN.fullmatch(path.name) and path.is_file())
