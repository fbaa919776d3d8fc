"""Shards: a dataset cut into numbered ranges, which may run over the ends of files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from alchemi_ray.dataset.source import Source


@attrs.frozen
class Piece:
    """A range of one file.

    Parameters
    ----------
    source : int
        Number of the file.
    index, count : int
        First structure, and how many.
    place, skip : int
        Where reading begins, and how many structures to pass over there.
    """

    source: int
    index: int
    count: int
    place: int
    skip: int

    def part(self, begin: int, end: int) -> Piece:
        """Return a part of it."""
        return attrs.evolve(self, index=self.index + begin, count=end - begin, skip=self.skip + begin)


@attrs.frozen
class Shard:
    """A range of the dataset.

    Parameters
    ----------
    number : int
        Of the shard.
    first : int
        Number of its first structure in the dataset.
    pieces : tuple of Piece
        What it is made of.
    """

    number: int
    first: int
    pieces: tuple[Piece, ...]

    @property
    def structures(self) -> int:
        """How many there are."""
        return sum(piece.count for piece in self.pieces)

    def halves(self) -> tuple[Shard, Shard]:
        """Cut a shard of two structures or more in the middle; both keep its number."""
        middle = self.structures // 2
        return self._part(0, middle), self._part(middle, self.structures)

    def _part(self, begin: int, end: int) -> Shard:
        pieces, at = [], 0
        for piece in self.pieces:
            low, high = max(begin - at, 0), min(end - at, piece.count)
            if low < high:
                pieces.append(piece.part(low, high))
            at += piece.count
        return Shard(self.number, self.first + begin, tuple(pieces))

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Shard:
        """Make it of what `attrs.asdict` wrote."""
        return cls(stored["number"], stored["first"], tuple(Piece(**piece) for piece in stored["pieces"]))


def cut(sources: Sequence[Source], size: int) -> Iterator[Shard]:
    """Cut a dataset into shards of a size; the last one may be smaller."""
    number, first, room, pieces = 0, 0, size, list[Piece]()
    for which, source in enumerate(sources):
        index = 0
        while index < source.structures:
            count = min(room, source.structures - index)
            pieces.append(Piece(which, index, count, *source.place(index)))
            index, room = index + count, room - count
            if room == 0:
                yield Shard(number, first, tuple(pieces))
                number, first, room, pieces = number + 1, first + size, size, []
    if pieces:
        yield Shard(number, first, tuple(pieces))
