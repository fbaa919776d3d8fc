"""The folder of a run: never another run's, and there only when there is something to put in it."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from alchemi_core.errors import OptionError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


class OutputFolder:
    """A folder that is claimed when the first result is there.

    Parameters
    ----------
    wanted : Path
        Where the user asked for, or the name to number: ``relaxed-graphite``, ``relaxed-graphite-2``, ...
    numbered : bool
        Whether a number may be added to the name; otherwise an occupied folder is refused.
    stale : sequence of str, optional
        Files to remove from an occupied folder that the user allowed to be written over; None refuses it.
    parent : OutputFolder, optional
        Claimed together with this one, which is inside it.

    Raises
    ------
    OptionError
        If the folder is occupied.
    """

    def __init__(
        self,
        wanted: Path,
        *,
        numbered: bool = False,
        stale: Sequence[str] | None = None,
        parent: OutputFolder | None = None,
    ) -> None:
        self._wanted, self._numbered, self._stale, self._parent = wanted, numbered, stale, parent
        self._claimed: Path | None = None
        self._made = False
        if parent is None and not numbered:
            _refuse_occupied(wanted, overwrite=stale is not None)

    @classmethod
    def of(cls, arguments: argparse.Namespace, default: str, names: Sequence[str]) -> OutputFolder:
        """Folder of ``--out`` and ``--overwrite``, or the default name in the working directory."""
        if arguments.out is None:
            return cls(Path(default), numbered=True)
        return cls(Path(arguments.out), stale=names if arguments.overwrite else None)

    @classmethod
    def existing(cls, path: Path) -> OutputFolder:
        """Folder of an earlier run, to go on in.

        Raises
        ------
        OptionError
            If it is not there.
        """
        if not path.is_dir():
            raise OptionError(f"there is no folder {path}", expected="the folder of a run", who="--resume")
        folder = cls(path, stale=())
        folder._claimed = path
        return folder

    @property
    def claimed(self) -> bool:
        """Whether the folder is there."""
        return self._claimed is not None

    @property
    def path(self) -> Path:
        """The folder; claimed by the first to ask."""
        if self._claimed is None:
            self._claimed = _make_numbered(self._wanted) if self._numbered else self._make()
            self._made = self._made or self._numbered
        return self._claimed

    def inside(self, name: str) -> OutputFolder:
        """Return a folder inside this one, which is claimed together with it."""
        return OutputFolder(Path(name), stale=self._stale, parent=self)

    def discard(self, names: Sequence[str]) -> None:
        """Remove these files, and the folders that were made for them, where nothing else is in them."""
        if self._claimed is None:
            return
        for name in names:
            (self._claimed / name).unlink(missing_ok=True)
        if self._made and not any(self._claimed.iterdir()):
            self._claimed.rmdir()
            self._claimed = None
            if self._parent is not None:
                self._parent.discard(())

    def _make(self) -> Path:
        folder = self._wanted if self._parent is None else self._parent.path / self._wanted
        _refuse_occupied(folder, overwrite=self._stale is not None)
        self._made = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        for name in self._stale or ():
            (folder / name).unlink(missing_ok=True)
        return folder


def _refuse_occupied(folder: Path, *, overwrite: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise OptionError(f"{folder} is a file", expected="a folder", who="--out", fix="another name")
    if not overwrite and folder.is_dir() and any(folder.iterdir()):
        raise OptionError(
            f"{folder} is not empty",
            expected="a new or an empty folder",
            who="--out",
            fix="--overwrite, or another name",
        )


def _make_numbered(wanted: Path) -> Path:
    """Make the first folder of the series that is not there; two runs at once get two folders."""
    for number in count(1):
        folder = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise AssertionError("counting does not end")
