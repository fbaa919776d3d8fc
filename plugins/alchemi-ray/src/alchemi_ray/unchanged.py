"""Whether a run can be gone on with: the same dataset, the same pipeline, the files that its ledger speaks of."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from alchemi_core.atomic_write import drafts_of
from alchemi_core.errors import InputFileError
from alchemi_ray.own_files import own_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from alchemi_ray.dataset.source import Source
    from alchemi_ray.layout import Layout
    from alchemi_ray.ledger import File, Line
    from alchemi_ray.spec import Spec


def check_dataset(sources: Iterable[Source]) -> None:
    """Refuse a dataset that is another one than at the start.

    Raises
    ------
    InputFileError
        Names the first file that is gone or has changed.
    """
    for source in sources:
        source.check_unchanged()


def read_pipeline(path: Path, digest: str) -> bytes:
    """Return the pipeline file, which has to be that of the run.

    Raises
    ------
    InputFileError
        If it is another one, or is not there.
    """
    content = path.read_bytes() if path.is_file() else None
    if content is None or hashlib.sha256(content).hexdigest() != digest:
        raise InputFileError(
            "the pipeline was changed since the run began, or is not there any more",
            expected=f"the file with the SHA-256 digest {digest}",
            who=str(path),
            fix="start a run of its own",
        )
    return content


def check_files(layout: Layout, lines: Sequence[Line]) -> None:
    """Refuse a folder where files of shards that are done are missing, or have another size.

    Raises
    ------
    InputFileError
        Names the first of them.
    """
    for file in (file for line in lines for file in _files(line)):
        path = layout.folder / file.file
        if not path.is_file() or path.stat().st_size != file.bytes:
            raise InputFileError(
                "it is missing, or not as the run left it",
                expected=f"{file.bytes} bytes, as the ledger says",
                who=str(path),
                fix="put it back, or take the line of its shard out of the ledger, to have it done again",
            )


def check_lines(spec: Spec, lines: Sequence[Line], path: Path) -> None:
    """Refuse a ledger whose shards are not those of the run.

    Raises
    ------
    InputFileError
        Names the first of them.
    """
    for line in lines:
        first = line.shard * spec.shard_size
        if (line.first, line.structures) != (first, min(spec.shard_size, spec.structures - first)):
            raise InputFileError(
                f"its line of shard {line.shard} speaks of {line.structures} structures from number {line.first} on",
                expected="the ledger of this run, as alchemi wrote it",
                who=str(path),
                fix="start the run again in another --out",
            )


def remove_leftovers(layout: Layout, lines: Sequence[Line]) -> None:
    """Remove files of shards that were under way when a run was killed."""
    known = {layout.folder / file.file for line in lines for file in _files(line)}
    for folder in (layout.results_folder, layout.failures_folder):
        for path in own_files(folder):
            if path not in known:
                path.unlink()
    for path in (layout.record, layout.all_failures, layout.report):
        for draft in drafts_of(path):
            draft.unlink()


def _files(line: Line) -> list[File]:
    return [file for file in (line.results, line.failures) if file is not None]
