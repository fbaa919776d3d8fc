"""What a run has to know to be gone on with in any folder, and with the same pipeline."""

from __future__ import annotations

import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from alchemi_core.cli.composing import model_file
from alchemi_core.cli.diverging import DIVERGED
from alchemi_core.cli.provenance import checksum
from alchemi_core.errors import AlchemiError, InputFileError, OptionError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from alchemi_core.cli.output_folder import OutputFolder

DECIDED = ("file", "model", "accept", "out", "dtype", "format")
"""Arguments of every run that one which goes on has from its start."""


def check_start(arguments: argparse.Namespace, who: str) -> None:
    """Refuse to start a run of nothing, or without a model.

    Raises
    ------
    OptionError
        Names what is missing.
    """
    for name, value in (("FILE", arguments.file), ("--model", arguments.model)):
        if value is None:
            raise OptionError(f"{name} is missing", expected="FILE and --model, or --resume DIR", who=who)


def refuse_decided(arguments: argparse.Namespace, settings: Iterable[str], *, expected: str, who: str) -> None:
    """Refuse arguments beside ``--resume`` that the run decided when it began.

    Raises
    ------
    OptionError
        Names the first of them.
    """
    if given := [name for name in (*DECIDED, *settings) if getattr(arguments, name) is not None]:
        raise OptionError(f"{given[0]} is given with --resume, where the run decides it", expected=expected, who=who)


@contextmanager
def telling_of_failure(
    folder: OutputFolder,
    checkpoint: str,
    command: str,
    note: Callable[[str], None],
    leftover: Callable[[], Sequence[str]],
) -> Iterator[None]:
    """When a run fails, note it in the record and say how to go on from the last checkpoint.

    Parameters
    ----------
    folder : OutputFolder
        Of the run.
    checkpoint : str
        Name of the file that it can go on from.
    command : str
        What goes on, such as ``"md"``.
    note : callable
        Writes an error into the record.
    leftover : callable
        Gives the files to remove where there is no checkpoint; none where they are worth keeping.
    """
    try:
        yield
    except Exception as error:
        if folder.claimed and (folder.path / checkpoint).exists():
            # On a full disk the record has no room either; the error that is on its way says so.
            with suppress(OSError, AlchemiError):
                note(str(error))
            if not isinstance(error, DIVERGED):
                sys.stderr.write(
                    f"stopped; the last checkpoint goes on with: alchemi {command} --resume {folder.path}\n"
                )
        elif folder.claimed and (names := leftover()):
            folder.discard(names)
        raise


def lasting(written: str) -> str:
    """Return what ``--model`` says in words that hold in any folder."""
    path = model_file(written)
    return written if path is None else str(path.resolve())


def check_unchanged(model: str, record: Mapping[str, Any]) -> None:
    """Refuse to go on with another pipeline under the name of the one that the run began with.

    Parameters
    ----------
    model : str
        Of `lasting`.
    record : mapping
        What the run noted of its start.

    Raises
    ------
    InputFileError
        If the file was changed.
    """
    path, known = model_file(model), record.get("model", {}).get("sha256")
    if path is not None and path.is_file() and known is not None and checksum(path) != known:
        raise InputFileError(
            "the pipeline was changed since the run began",
            expected=f"the file with the SHA-256 digest {known}",
            who=str(path),
            fix="start a run of its own with it",
        )
