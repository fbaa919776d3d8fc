"""Checkpoint: all that a run needs to go on, in exact numbers, replaced as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from ase import Atoms

from alchemi_core.cli.md_settings import MDSettings
from alchemi_core.cli.sealed import altered, check_sizes, read_sealed, write_sealed
from alchemi_core.errors import InputFileError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NAME = "checkpoint.json"
VERSION = 1


@attrs.frozen(eq=False, kw_only=True)
class Checkpoint:
    """The state of a run after a step.

    Parameters
    ----------
    step : int
        Steps done.
    seconds : float
        Wall-clock time they took, over all parts of the run.
    model, dtype, device : str
        As given on the command line.
    settings : MDSettings
        Of the run.
    atoms : ase.Atoms
        Positions, momenta, cell, and all that was read.
    state : mapping
        Variables of the integrator and of the random numbers.
    sizes : mapping of str to int
        How long each growing file was: what is beyond belongs to steps after this one.
    record : mapping
        What ``run.json`` says of the start.
    accept : str or None
        As given on the command line.
    """

    step: int
    seconds: float
    model: str
    dtype: str
    device: str
    settings: MDSettings
    atoms: Atoms
    state: Mapping[str, Any]
    sizes: Mapping[str, int]
    record: Mapping[str, Any]
    accept: str | None = None

    def write(self, folder: Path) -> None:
        """Write it, in place of the one before. JSON keeps floats exactly."""
        values = {field.name: getattr(self, field.name) for field in attrs.fields(Checkpoint)}
        values |= {"version": VERSION, "settings": attrs.asdict(self.settings), "atoms": self.atoms.todict()}
        write_sealed(folder / NAME, values)

    @classmethod
    def read(cls, folder: Path) -> Checkpoint:
        """Read the checkpoint of a run.

        Raises
        ------
        InputFileError
            If there is none, it is not one of ours, or it is not as it was written.
        """
        path = folder / NAME
        if not path.is_file():
            raise InputFileError("there is no checkpoint", expected=NAME, who=str(folder), fix="--resume DIR of a run")
        try:
            values = read_sealed(path)
            version = values.pop("version")
            atoms = Atoms.fromdict(values.pop("atoms"))
            settings = MDSettings(**values.pop("settings"))
            found = cls(atoms=atoms, settings=settings, **values)
        except InputFileError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, AssertionError) as error:
            raise InputFileError(
                f"it is no checkpoint of this version of alchemi: {error}", expected=f"version {VERSION}", who=str(path)
            ) from error
        if version != VERSION:
            raise InputFileError(f"it has version {version}", expected=f"version {VERSION}", who=str(path))
        if not found.state:
            raise altered(path)
        check_sizes(folder, found.sizes)
        return found
