"""Spec: all that decides what a run gives, told apart by one number, and kept in its folder."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import attrs

from alchemi_core.atomic_write import write_json
from alchemi_core.cli.frames import naming_the_file
from alchemi_core.errors import InputFileError
from alchemi_ray.dataset.shard import Shard, cut
from alchemi_ray.dataset.source import Source
from alchemi_ray.tasks.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@attrs.frozen
class Spec:
    """What a run is of.

    Parameters
    ----------
    settings : Settings
        What is done with each structure.
    pipeline : str
        SHA-256 of the pipeline file.
    sources : tuple of Source
        Files of the dataset.
    shard_size : int
        Structures of a shard.
    """

    settings: Settings
    pipeline: str
    sources: tuple[Source, ...]
    shard_size: int

    @property
    def structures(self) -> int:
        """How many there are in all."""
        return sum(source.structures for source in self.sources)

    @property
    def shards(self) -> int:
        """How many there are."""
        return -(-self.structures // self.shard_size)

    @property
    def run(self) -> str:
        """SHA-256 over all of it, folders of files and their times aside."""
        files = [(one.source, one.kind, one.sha256, one.structures, one.places, one.stride) for one in self.sources]
        decides = [self.settings.described(), self.pipeline, files, self.shard_size]
        return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()

    def cut(self) -> Iterator[Shard]:
        """Yield the shards."""
        return cut(self.sources, self.shard_size)

    def write(self, path: Path) -> None:
        """Write it to a file.

        Raises
        ------
        AlchemiError
            If it cannot be written.
        """
        sources = [attrs.asdict(one) for one in self.sources]
        stored = {"run": self.run, "settings": self.settings.described(), "pipeline": self.pipeline}
        with naming_the_file(path):
            write_json(path, {**stored, "shard_size": self.shard_size, "sources": sources})

    @classmethod
    def read(cls, path: Path) -> Spec:
        """Read it from a file.

        Raises
        ------
        InputFileError
            If there is none, or it was changed after it was written.
        """
        if not path.is_file():
            raise InputFileError(f"there is no {path.name} in it", expected="the folder of a run", who=str(path.parent))
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            sources = tuple(map(Source.of, stored["sources"]))
            spec = cls(Settings.of(stored["settings"]), stored["pipeline"], sources, stored["shard_size"])
            unchanged = spec.run == stored["run"]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise _changed(path) from error
        if not unchanged:
            raise _changed(path)
        return spec


def _changed(path: Path) -> InputFileError:
    return InputFileError(
        "it was changed after it was written, or is damaged",
        expected="what the run began with",
        who=str(path),
        fix="start a run with other options in another --out",
    )
