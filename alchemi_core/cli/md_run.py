"""One run of molecular dynamics: steps, frames, log lines and checkpoints."""

from __future__ import annotations

import time
from contextlib import ExitStack, nullcontext
from typing import TYPE_CHECKING, Self

import attrs
import numpy as np

from alchemi_core.cli.condition import Verdict
from alchemi_core.cli.diverging import advising
from alchemi_core.cli.ensembles import make_dynamics, restore_state, state_of, thermalize
from alchemi_core.cli.frames import FrameWriter
from alchemi_core.cli.md_log import NAME as LOG
from alchemi_core.cli.md_log import LogRow, line, read_columns
from alchemi_core.cli.snapshot import results_now, take_snapshot
from alchemi_core.errors import ModelOutputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ase import Atoms

    from alchemi_core.ase import AlchemiCalculator
    from alchemi_core.cli.checkpoint import Checkpoint
    from alchemi_core.cli.md_settings import MDSettings
    from alchemi_core.cli.md_watch import Watch
    from alchemi_core.cli.operands import Values
    from alchemi_core.cli.output_folder import OutputFolder

TRAJECTORY = "trajectory.extxyz"


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
    watch : Watch, optional
        The condition that ends the run early.

    Attributes
    ----------
    step : int
        Steps done.
    """

    def __init__(
        self,
        atoms: Atoms,
        settings: MDSettings,
        calculator: AlchemiCalculator,
        folder: OutputFolder,
        watch: Watch | None = None,
    ) -> None:
        self.atoms, self.settings, self.calculator, self.folder = atoms, settings, calculator, folder
        self.watch = watch
        self._columns: tuple[str, ...] = ()
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
        with advising(self._advice):
            self._dynamics.step()
            self.step += 1
            if not np.isfinite(self.atoms.arrays["momenta"]).all():
                found = f"velocities are not finite after step {self.step}"
                raise ModelOutputError(found, expected="finite numbers", who="md")

    @property
    def _advice(self) -> str:
        """What helps when the atoms fly apart, once the first forces were there."""
        return f"a shorter --timestep than {self.settings.timestep:g} fs, or relax the structure first"

    def look(self) -> Verdict:
        """Say whether the condition that ends the run holds now; without one, none does.

        Raises
        ------
        ModelOutputError
            If it cannot be computed.
        """
        if self.watch is None:
            return Verdict(holds=False)
        with advising(self._advice) if self.step else nullcontext():
            return self.watch.condition.at(self._watched_values(self.watch))

    def _watched_values(self, watch: Watch) -> Values:
        results = results_now(self.atoms, self.calculator, watch.outputs)
        return watch.values(results, self.atoms, step=self.step, time_fs=self.step * self.settings.timestep)

    def record(self) -> tuple[LogRow, Mapping[str, float | None]]:
        """Add the structure of now to the trajectory and its figures to the log; return these, and what is watched."""
        stress = self.settings.ensemble == "npt"
        with advising(self._advice) if self.step else nullcontext():
            snapshot = take_snapshot(self.atoms, self.calculator, step=self.step, elapsed=self.seconds, stress=stress)
        row = LogRow.of(snapshot, self._dynamics, self.settings.timestep)
        snapshot.atoms.info |= {"step": self.step, "time_fs": row.time_fs}
        if not self._files:
            self._open()
        self._files[TRAJECTORY].append(snapshot.atoms)
        watched = {} if self.watch is None else self.watch.figures(self._watched_values(self.watch))
        self._log(row.figures(watched, snapshot.terms))
        self._sizes = {name: file.size for name, file in self._files.items()}
        return row, watched

    def _log(self, figures: Mapping[str, float | None]) -> None:
        """Add a line; a log keeps the columns that it began with, whatever is watched later on."""
        log = self._files[LOG]
        if not self._columns:
            self._columns = read_columns(log.path) if log.size else tuple(figures)
        head = line(self._columns) if log.size == 0 else ""
        log.write(head + line(figures.get(name) for name in self._columns))

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
