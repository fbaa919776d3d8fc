"""Record: one structure of a dataset as it was read, or the reason why it could not be."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.errors import InputFileError
from alchemi_ray.atomic_numbers import whole_numbers
from alchemi_ray.digests import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ase import Atoms


@attrs.frozen(eq=False)
class Record:
    """One structure of a file.

    Parameters
    ----------
    atoms : ase.Atoms or None
        Without a calculator; None where it cannot be read.
    digest : str or None
        Of the content; of the bytes where these are no structure; None where there are none.
    error : Exception, optional
        Why there is no structure.
    """

    atoms: Atoms | None
    digest: str | None
    error: Exception | None = None

    @classmethod
    def of(cls, atoms: Atoms) -> Record:
        """Make the record of a structure; results of other models that came with it are left behind."""
        atoms.calc = None
        if len(atoms) == 0:
            return cls(None, digest_of(atoms), InputFileError("there are no atoms in it", expected="at least one atom"))
        try:
            whole_numbers(atoms.numbers)
        except InputFileError as error:
            return cls(None, digest_of(atoms), error)
        return cls(atoms, digest_of(atoms))

    @classmethod
    def unreadable(cls, error: Exception, digest: str | None = None) -> Record:
        """Make the record of what cannot be read."""
        if isinstance(error, InputFileError):
            return cls(None, digest, error)
        reason = " ".join(str(error).split()) or "no reason given"
        told = InputFileError(f"it cannot be read: {type(error).__name__}: {reason}", expected="a structure")
        return cls(None, digest, told)


@contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Name the file where it cannot be read as a whole.

    Raises
    ------
    InputFileError
        In place of what the reader raised.
    """
    try:
        yield
    except InputFileError:
        raise
    except OSError as error:
        raise InputFileError(f"it cannot be read: {error.strerror or error}", who=str(path)) from error
    except Exception as error:
        raise _no_such(path, kind, error) from error


def _no_such(path: Path, kind: str, error: Any) -> InputFileError:
    reason = " ".join(str(error).split()) or "no reason given"
    return InputFileError(
        f"it cannot be read as {kind}: {type(error).__name__}: {reason}", expected=f"a file of {kind}", who=str(path)
    )
