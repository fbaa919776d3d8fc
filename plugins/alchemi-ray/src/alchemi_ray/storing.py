"""Storing: the files of a shard into their places, then its line into the ledger."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any

from alchemi_core.atomic_write import replacing
from alchemi_core.cli.frames import naming_the_file
from alchemi_core.cli.provenance import checksum
from alchemi_ray.ledger import File, Ledger, Line
from alchemi_ray.tables import write_failures, write_results

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from alchemi_ray.engines.dispatch import Done
    from alchemi_ray.layout import Layout
    from alchemi_ray.tasks.settings import Settings


class Store:
    """Where shards go that are done.

    Parameters
    ----------
    layout : Layout
        Of the folder.
    ledger : Ledger
        Of the run.
    settings : Settings
        Of the run.
    provenance : mapping
        For the metadata of each file.
    """

    def __init__(self, layout: Layout, ledger: Ledger, settings: Settings, provenance: Mapping[str, Any]) -> None:
        self._layout, self._ledger, self._settings, self._provenance = layout, ledger, settings, provenance

    def add(self, done: Done) -> Line:
        """Write a shard; it counts from the moment that its line is in the ledger.

        Raises
        ------
        AlchemiError
            If something cannot be written. Then nothing of the shard stays.
        """
        result = done.result
        written: list[Path] = []
        provenance = {**self._provenance, "shard": result.shard}
        try:
            path = self._layout.results(result.shard)
            with naming_the_file(path), replacing(path) as draft:
                write_results(draft, result.content, self._settings, provenance)
            written.append(path)
            if result.failures:
                path = self._layout.failures(result.shard)
                with naming_the_file(path), replacing(path) as draft:
                    write_failures(draft, result.failures, provenance)
                written.append(path)
            line = self._line(done, written)
            for folder in {path.parent for path in written}:
                bring_to_disk(folder)
            self._ledger.add(line)
        except Exception:
            # A second Ctrl-C may come after the line was written: files are left then, for whoever goes on to sort out.
            for path in written:
                path.unlink(missing_ok=True)
            raise
        return line

    def _line(self, done: Done, written: list[Path]) -> Line:
        result = done.result
        files = [self._file(path) for path in written]
        return Line(
            shard=result.shard,
            first=result.first,
            structures=result.structures,
            done=result.done,
            failed=len(result.failures),
            not_converged=result.not_converged,
            atoms=result.atoms,
            seconds=result.seconds,
            started=result.started,
            finished=result.finished,
            worker=result.worker,
            host=result.host,
            attempts=done.attempts,
            errors=dict(Counter(row["error"] for row in result.failures)),
            results=files[0],
            failures=files[1] if len(files) > 1 else None,
        )

    def _file(self, path: Path) -> File:
        return File(str(path.relative_to(self._layout.folder)), path.stat().st_size, checksum(path))


def bring_to_disk(folder: Path) -> None:
    """Make names in a folder outlast a power cut, as the contents of its files do already.

    Raises
    ------
    AlchemiError
        If it cannot be written.
    """
    with naming_the_file(folder):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
