"""Structures named on the command line: ``FILE`` or ``FILE@INDEX``, in every format ASE reads."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ase.io
import attrs
import torch
from ase.io.formats import UnknownFileTypeError, filetype
from ase.utils import string2index

from alchemi_core.data.batch import Batch
from alchemi_core.errors import AlchemiError, DataError, InputFileError, OptionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ase import Atoms


FULL = 1e-3
INDEX = re.compile(r"-?\d+|(-?\d+)?:(-?\d+)?(:(-?\d+)?)?")


@attrs.frozen(eq=False)
class Structure:
    """One structure of a file.

    Parameters
    ----------
    atoms : ase.Atoms
        Without a calculator.
    path : Path
        The file.
    number, among : int
        Its place among the structures taken from the file, from 0, and how many those are.
    alone : bool
        Whether the command was given no other.
    """

    atoms: Atoms
    path: Path
    number: int = 0
    among: int = 1
    alone: bool = True

    @property
    def label(self) -> str:
        """Name for tables and messages, such as ``water.xyz #3``."""
        return self.path.name if self.among == 1 else f"{self.path.name} #{self.number}"


@contextmanager
def naming_one_of_several(structure: Structure) -> Iterator[None]:
    """Say in errors which structure they are of, where there are several."""
    try:
        yield
    except AlchemiError as error:
        if structure.alone:
            raise
        who = f"{structure.label}, {error.who}" if error.who else structure.label
        raise type(error)(error.found, expected=error.expected, who=who, fix=error.fix) from error


def read_structures(names: Iterable[str], file_format: str | None = None, *, check: bool = True) -> list[Structure]:
    """Read and check all structures.

    Parameters
    ----------
    names : iterable of str
        Each a file, or ``FILE@INDEX`` with an index or a slice as Python writes it.
    file_format : str, optional
        Format as ASE names it; guessed otherwise.
    check : bool
        False leaves to the caller to find out which of them are no structures.

    Raises
    ------
    InputFileError
        If a file is missing, not readable, or holds no such structures.
    GeometryError, DataError
        If a structure is none: no atoms, NaN positions, a singular periodic cell.
    """
    found = [structure for name in names for structure in _read(name, file_format)]
    for structure in found if check else ():
        _check(structure)
    return [attrs.evolve(structure, alone=len(found) == 1) for structure in found]


def the_only(structures: list[Structure], who: str) -> Structure:
    """Return the structure of a list of one.

    Raises
    ------
    OptionError
        If there are more.
    """
    if len(structures) > 1:
        path = structures[0].path
        raise OptionError(f"{path} holds {len(structures)} structures", expected="one", who=who, fix=f"{path}@0")
    return structures[0]


def _read(name: str, file_format: str | None) -> list[Structure]:
    path, index = _split(name)
    if not path.exists():
        raise InputFileError("there is no such file", who=str(path), fix=_neighbour(path))
    _check_file(path)
    images = _images(path, index, file_format)
    if not images:
        raise InputFileError(f"no structures at {name!r}", expected="at least one", who=str(path))
    for atoms in images:
        _check_occupancy(atoms, path)
        _forget_symmetry(atoms)
    return [Structure(atoms, path, number, len(images)) for number, atoms in enumerate(images)]


def _check_file(path: Path) -> None:
    """Refuse what holds nothing; a folder may be a bundle of ASE, which has such a file."""
    if path.is_dir() and not (path / "metadata.json").exists():
        raise InputFileError("it is a folder", expected="a structure file", who=str(path), fix=f"{path}/*.extxyz")
    if path.is_file() and path.stat().st_size == 0:
        raise InputFileError("it is empty", expected="a structure file", who=str(path))


def _split(name: str) -> tuple[Path, Any]:
    """File and index; a file that has the whole text for a name wins."""
    file, at, text = name.rpartition("@")
    if not at or Path(name).exists():
        return Path(name), slice(None)
    if not INDEX.fullmatch(text):
        expected = "such as FILE@0, FILE@-1 or FILE@0:10"
        raise InputFileError(f"{text!r} is no index", expected=expected, who=name, fix=f"{file}@0:10")
    return Path(file), string2index(text)


def _neighbour(path: Path) -> str:
    """A file beside it whose name is close, as a suggestion."""
    from alchemi_core.errors import nearest

    folder = path.parent
    close = nearest(path.name, (one.name for one in folder.iterdir())) if folder.is_dir() else None
    return f"did you mean {folder / close}?" if close else ""


def _images(path: Path, index: Any, file_format: str | None) -> list[Atoms]:
    known = file_format or _guess(path)
    if isinstance(index, int) and index < -1:
        # Counting back beyond the first, ASE gives the first without a word.
        _check_index(path, index, file_format)
    try:
        images = ase.io.read(path, index=index, format=known, do_not_split_by_at_sign=True)
    except Exception as error:
        if isinstance(index, int):
            _check_index(path, index, file_format)
        reason = " ".join(str(error).split()) or "no reason given"
        raise InputFileError(
            f"it cannot be read as {known}: {type(error).__name__}: {reason}",
            expected=f"a file of format {known}",
            who=str(path),
            fix="--format NAME when that is not its format; ase info --formats lists the names",
        ) from error
    return images if isinstance(images, list) else [images]


def _check_index(path: Path, index: int, file_format: str | None) -> None:
    """Refuse an index that the file, read in full, does not have."""
    count = len(_images(path, slice(None), file_format))
    if not -count <= index < count:
        structures = "1 structure" if count == 1 else f"{count} structures"
        raise InputFileError(
            f"it holds {structures}, and index {index} was asked",
            expected=f"an index from {-count} to {count - 1}",
            who=str(path),
            fix=f"{path}@{count - 1}",
        )


def _guess(path: Path) -> str:
    try:
        return str(filetype(str(path)))
    except (UnknownFileTypeError, UnicodeDecodeError) as error:
        raise InputFileError(
            f"its format cannot be guessed: {str(error) or path.suffix}",
            expected="a structure file",
            who=str(path),
            fix="--format NAME; ase info --formats lists the names",
        ) from error


def _check_occupancy(atoms: Atoms, path: Path) -> None:
    """Refuse disordered crystals, of which ASE reads the majority species as if it were the whole."""
    shares = [share for site in atoms.info.get("occupancy", {}).values() for share in site.values()]
    if any(abs(share - 1.0) > FULL for share in shares):
        raise InputFileError(
            f"a site is occupied to {min(shares):g}",
            expected="an ordered structure, every site occupied by one atom",
            who=str(path),
            fix="choose an ordered cell of the crystal",
        )


def _forget_symmetry(atoms: Atoms) -> None:
    """Take away what stops being true when atoms move, and results of other models."""
    atoms.calc = None
    for name in ("spacegroup", "unit_cell", "occupancy"):
        atoms.info.pop(name, None)
    atoms.arrays.pop("spacegroup_kinds", None)


def _check(structure: Structure) -> None:
    """Refuse what is no structure, naming file and number."""
    if len(structure.atoms) == 0:
        raise InputFileError("there are no atoms in it", expected="at least one atom", who=structure.label)
    try:
        Batch.from_ase(structure.atoms, dtype=torch.float64)
    except DataError as error:
        who = f"{structure.label}, {error.who}"
        raise type(error)(error.found, expected=error.expected, who=who, fix=error.fix) from error
