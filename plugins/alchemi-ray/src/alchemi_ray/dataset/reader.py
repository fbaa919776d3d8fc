"""Reader: the structures of a shard, with their identities; each worker has one."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import attrs

from alchemi_ray.dataset import database, parquet
from alchemi_ray.dataset.record import Record, reading
from alchemi_ray.dataset.xyz import open_frames, read_frames

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from alchemi_ray.dataset.shard import Piece, Shard
    from alchemi_ray.dataset.source import Source


@attrs.frozen(eq=False)
class Entry:
    """One structure of a dataset and its identity.

    Parameters
    ----------
    number : int
        Place in the dataset.
    source : str
        File, as it was named.
    index : int
        Place in the file.
    record : Record
        What was read.
    """

    number: int
    source: str
    index: int
    record: Record


class Reader:
    """Reads shards.

    Files of extended XYZ stay open between shards: a compressed one is uncompressed once as long as shards come in
    order, and not from its beginning for each.

    Parameters
    ----------
    sources : sequence of Source
        Files of the dataset.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._open: tuple[str, BinaryIO] | None = None
        self._seen: dict[str, int] = {}

    def read(self, shard: Shard) -> Iterator[Entry]:
        """Yield the structures of a shard in order.

        Raises
        ------
        InputFileError
            If a file is not there any more, or holds fewer structures than it did.
        """
        number = shard.first
        for piece in shard.pieces:
            source = self._sources[piece.source]
            with reading(Path(source.path), source.kind):
                self._check(source)
                end = number + piece.count
                for index, record in enumerate(self._records(source, piece), piece.index):
                    yield Entry(number, source.source, index, record)
                    number += 1
                if number < end:
                    raise EOFError(f"it ends {end - number} structures earlier than it did")
                self._check(source)

    def close(self) -> None:
        """Close the file that is open."""
        if self._open is not None:
            self._open[1].close()
        self._open = None

    def _records(self, source: Source, piece: Piece) -> Iterator[Record]:
        path = Path(source.path)
        if source.kind == "extxyz":
            return islice(read_frames(self._stream(path), piece.place, piece.skip), piece.count)
        if source.kind == "database":
            return database.read_rows(path, piece.place, piece.skip, piece.count)
        return parquet.read_rows(path, piece.place + piece.skip, piece.count)

    def _check(self, source: Source) -> None:
        """Refuse a file that was written to since it was surveyed; where it was only touched, its checksum tells."""
        modified = Path(source.path).stat().st_mtime_ns
        if source.is_untouched() or self._seen.get(source.path) == modified:
            return
        source.check_unchanged()
        self._seen[source.path] = modified

    def _stream(self, path: Path) -> BinaryIO:
        if self._open is None or self._open[0] != str(path):
            self.close()
            self._open = str(path), open_frames(path)
        return self._open[1]
