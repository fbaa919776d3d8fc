"""Checkpoint of a thermodynamic integration: the windows that are done, and the state of those that run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from ase import Atoms

from alchemi_core.cli.sealed import check_sizes, read_sealed, write_sealed
from alchemi_core.cli.ti_settings import TISettings
from alchemi_core.errors import InputFileError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np

NAME = "ti-checkpoint.json"
VERSION = 1


@attrs.frozen(eq=False, kw_only=True)
class TICheckpoint:
    """The state of a run.

    Parameters
    ----------
    step : int
        Steps that the windows which run have taken, equilibration included.
    seconds : float
        Wall-clock time so far, over all parts of the run.
    model, dtype, device, accept
        As given on the command line.
    settings : TISettings
        Of the run.
    atoms : ase.Atoms
        The structure as it was read.
    ends : sequence of array [n, 3], Å
        Where the atoms were at the end of each window that is done.
    state : mapping
        Positions, momenta and random numbers of the windows that run; empty before their first step.
    sizes : mapping of str to int
        How long each file of a window was: what is beyond belongs to steps after this one.
    record : mapping
        What ``ti.json`` says of the start.
    """

    step: int
    seconds: float
    model: str
    dtype: str
    device: str
    accept: str | None
    settings: TISettings
    atoms: Atoms
    ends: Sequence[np.ndarray]
    state: Mapping[str, Any]
    sizes: Mapping[str, int]
    record: Mapping[str, Any]

    @property
    def done(self) -> bool:
        """Whether every window is."""
        return len(self.ends) == self.settings.windows

    @property
    def running(self) -> range:
        """Numbers of the windows that run, or run next."""
        first = len(self.ends)
        return range(first, min(first + self.settings.at_once, self.settings.windows))

    def write(self, folder: Path) -> None:
        """Write it, in place of the one before."""
        values = {field.name: getattr(self, field.name) for field in attrs.fields(TICheckpoint)}
        values |= {"version": VERSION, "settings": attrs.asdict(self.settings), "atoms": self.atoms.todict()}
        write_sealed(folder / NAME, {**values, "ends": list(self.ends)})

    @classmethod
    def read(cls, folder: Path) -> TICheckpoint:
        """Read the checkpoint of a run.

        Raises
        ------
        InputFileError
            If there is none, it is not one of ours, or it or a file of a window is not as it was written.
        """
        path = folder / NAME
        if not path.is_file():
            fix = "--resume DIR of a run of alchemi ti"
            raise InputFileError("there is no checkpoint", expected=NAME, who=str(folder), fix=fix)
        try:
            found = _made(read_sealed(path))
        except (ValueError, KeyError, TypeError, AttributeError, AssertionError) as error:
            if isinstance(error, InputFileError):
                raise
            raise InputFileError(
                f"it is no checkpoint of this version of alchemi: {error}", expected=f"version {VERSION}", who=str(path)
            ) from error
        check_sizes(folder, found.sizes)
        return found


def _made(values: dict[str, Any]) -> TICheckpoint:
    version = values.pop("version")
    if version != VERSION:
        raise ValueError(f"it has version {version}")
    atoms = Atoms.fromdict(values.pop("atoms"))
    return TICheckpoint(atoms=atoms, settings=TISettings(**values.pop("settings")), **values)
