"""One run of molecular dynamics: steps, frames, log lines and checkpoints."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager, nullcontext
from typing import TYPE_CHECKING, Self

import attrs
import numpy as np

from alchemi_core.cli.ensembles import make_dynamics, restore_state, state_of, thermalize
from alchemi_core.cli.frames import FrameWriter
from alchemi_core.cli.md_log import NAME as LOG
from alchemi_core.cli.md_log import LogRow, heading
from alchemi_core.cli.snapshot import take_snapshot
from alchemi_core.errors import AlchemiError, GeometryError, ModelOutputError, NeighborError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ase import Atoms

    from alchemi_core.ase import AlchemiCalculator
    from alchemi_core.cli.checkpoint import Checkpoint
    from alchemi_core.cli.md_settings import MDSettings
    from alchemi_core.cli.output_folder import OutputFolder

TRAJECTORY = "trajectory.extxyz"
DIVERGED: tuple[type[AlchemiError], ...] = (GeometryError, NeighborError, ModelOutputError)
"""What atoms that fly apart end in, once the first step went well."""


class MDRun:
    """A run in progress, as a context that closes its files.

    Parameters
    ----------
    atoms : ase.Atoms
        The structure; moved in place.
    settings : MDSettings
        How to run.
    calculator : AlchemiCalculator
        What gives the forces.
    folder : OutputFolder
        Where trajectory and log grow; claimed with the first frame.

    Attributes
    ----------
    step : int
        Steps done.
    """

    def __init__(self, atoms: Atoms, settings: MDSettings, calculator: AlchemiCalculator, folder: OutputFolder) -> None:
        self.atoms, self.settings, self.calculator, self.folder = atoms, settings, calculator, folder
        self.step = 0
        self._rng = np.random.default_rng(settings.seed)
        self._began, self._seconds_before = time.perf_counter(), 0.0
        self._sizes = {TRAJECTORY: 0, LOG: 0}
        self._files: dict[str, FrameWriter] = {}
        self._stack = ExitStack()
        atoms.calc = calculator
        if settings.temperature is not None and not atoms.get_momenta().any():
            thermalize(atoms, settings.temperature, self._rng, exact=settings.ensemble == "nve")
        self._dynamics = make_dynamics(settings, atoms, self._rng)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def resume(self, checkpoint: Checkpoint) -> None:
        """Take up the state of a checkpoint, with whose structure this run was made."""
        restore_state(self._dynamics, self._rng, dict(checkpoint.state))
        self.step, self._seconds_before = checkpoint.step, checkpoint.seconds
        self._sizes = dict(checkpoint.sizes)

    @property
    def seconds(self) -> float:
        """Wall-clock time so far, that of earlier parts of the run included."""
        return self._seconds_before + time.perf_counter() - self._began

    def advance(self) -> None:
        """Take one step.

        Raises
        ------
        GeometryError, NeighborError, ModelOutputError
            If the atoms have gone where no model can follow, or the momenta are no numbers any more.
        """
        with self._advising():
            self._dynamics.step()
            self.step += 1
            if not np.isfinite(self.atoms.arrays["momenta"]).all():
                found = f"velocities are not finite after step {self.step}"
                raise ModelOutputError(found, expected="finite numbers", who="md")

    @contextmanager
    def _advising(self) -> Iterator[None]:
        """Say what helps when the atoms fly apart, once the first forces were there."""
        try:
            yield
        except DIVERGED as error:
            fix = f"a shorter --timestep than {self.settings.timestep:g} fs, or relax the structure first"
            raise type(error)(error.found, expected=error.expected, who=error.who, fix=fix) from error

    def record(self) -> LogRow:
        """Add the structure of now to the trajectory and its figures to the log."""
        stress = self.settings.ensemble == "npt"
        with self._advising() if self.step else nullcontext():
            snapshot = take_snapshot(self.atoms, self.calculator, step=self.step, elapsed=self.seconds, stress=stress)
        row = LogRow.of(snapshot, self._dynamics, self.settings.timestep)
        snapshot.atoms.info |= {"step": self.step, "time_fs": row.time_fs}
        if not self._files:
            self._open()
        self._files[TRAJECTORY].append(snapshot.atoms)
        log = self._files[LOG]
        log.write((heading(snapshot.terms) if log.size == 0 else "") + row.text(snapshot.terms))
        self._sizes = {name: file.size for name, file in self._files.items()}
        return row

    def _open(self) -> None:
        for name, size in self._sizes.items():
            self._files[name] = self._stack.enter_context(FrameWriter(self.folder.path / name, keep=size))

    def checkpoint(self, before: Checkpoint) -> Checkpoint:
        """Return the state of now; what does not change comes from an earlier one."""
        return attrs.evolve(
            before,
            step=self.step,
            seconds=self.seconds,
            atoms=self.atoms,
            state=state_of(self._dynamics, self._rng),
            sizes=dict(self._sizes),
        )
