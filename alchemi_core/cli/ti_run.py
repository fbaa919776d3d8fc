"""Windows in progress: steps, rows of their files, and checkpoints."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

import attrs
import numpy as np
import torch

from alchemi_core.cli.composing import DTYPES
from alchemi_core.cli.diverging import advising
from alchemi_core.cli.frames import FrameWriter
from alchemi_core.cli.ti_langevin import Bath, Langevin
from alchemi_core.cli.ti_pipeline import CoupledCopies
from alchemi_core.cli.ti_series import HEADING, name_of, row
from alchemi_core.cli.ti_settings import free_atoms
from alchemi_core.errors import ModelOutputError

if TYPE_CHECKING:
    from alchemi_core.cli.output_folder import OutputFolder
    from alchemi_core.cli.ti_checkpoint import TICheckpoint
    from alchemi_core.cli.ti_langevin import Sample
    from alchemi_core.pipeline import PipelineModelWrapper


HOT = 100.0
"""Times the temperature of the bath that no atoms reach which it holds, however few there are."""


class TIRun:
    """The windows that run side by side, as a context that closes their files.

    Parameters
    ----------
    begin : TICheckpoint
        Says which windows these are, and where they stand.
    pipeline : PipelineModelWrapper
        Of `with_slope`.
    folder : OutputFolder
        Where the files grow; claimed with the first row.

    Attributes
    ----------
    step : int
        Steps taken, equilibration included.
    """

    def __init__(self, begin: TICheckpoint, pipeline: PipelineModelWrapper, folder: OutputFolder) -> None:
        self._begin, self._folder, self._settings = begin, folder, begin.settings
        self.windows, self.step = begin.running, begin.step
        lambdas = begin.settings.quadrature().nodes[list(self.windows)].tolist()
        dtype, device = DTYPES[begin.dtype], torch.device(begin.device)
        copies = CoupledCopies(pipeline, begin.atoms, begin.settings.coupling, lambdas, dtype=dtype, device=device)
        self._dynamics = _dynamics(begin, copies)
        self._began = time.perf_counter()
        self._sizes = dict(begin.sizes)
        self._files: dict[str, FrameWriter] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def seconds(self) -> float:
        """Wall-clock time so far, that of earlier windows and parts of the run included."""
        return self._begin.seconds + time.perf_counter() - self._began

    @property
    def finished(self) -> bool:
        """Whether these windows are done."""
        return self.step >= self._settings.length

    def advance(self) -> None:
        """Take one step, and keep its figures where it is due.

        Raises
        ------
        GeometryError, NeighborError, ModelOutputError
            If the atoms have gone where no model can follow.
        """
        after = self.step + 1 - self._settings.equilibration
        with advising(self._advice):
            sample = self._dynamics.step(sampled=after % self._settings.interval == 0)
            if sample is not None and after > 0:
                self._check_heat(float(sample.temperature.max()))
        self.step += 1
        if sample is not None:
            self._record(after, sample)

    @property
    def _advice(self) -> str:
        """What helps when the atoms fly apart."""
        return (
            f"a shorter --timestep than {self._settings.timestep:g} fs, or relax the structure first; "
            "where atoms that vanish may overlap, --rule gauss-legendre leaves out the ends"
        )

    def _check_heat(self, temperature: float) -> None:
        """Refuse figures of atoms that fly apart without end, which stay finite where nothing holds them."""
        if temperature > HOT * self._settings.temperature:
            raise ModelOutputError(
                f"the atoms are at {temperature:.3g} K, in a bath of {self._settings.temperature:g} K",
                expected="atoms that the bath can hold",
                who="ti",
            )

    def _record(self, after: int, sample: Sample) -> None:
        if not self._files:
            self._open()
        for i, file in enumerate(self._files.values()):
            figures = (float(values[i]) for values in attrs.astuple(sample))
            file.write((HEADING if file.size == 0 else "") + row(after, self._settings.timestep, *figures))

    def _open(self) -> None:
        for window in self.windows:
            name = name_of(window, self._settings.windows)
            keep, path = self._sizes.get(name, 0), self._folder.path / name
            if keep == 0:
                # Rows of a part of the run that was killed before its first checkpoint.
                path.unlink(missing_ok=True)
            self._files[name] = self._stack.enter_context(FrameWriter(path, keep=keep))

    def checkpoint(self, before: TICheckpoint) -> TICheckpoint:
        """Return the state of now: that of the windows, or where they ended."""
        sizes = {**self._sizes, **{name: file.size for name, file in self._files.items()}}
        now = attrs.evolve(before, seconds=self.seconds, sizes=sizes)
        if not self.finished:
            return attrs.evolve(now, step=self.step, state=self._dynamics.state())
        return attrs.evolve(now, step=0, state={}, ends=[*before.ends, *self._dynamics.positions])


def _dynamics(begin: TICheckpoint, copies: CoupledCopies) -> Langevin:
    settings, atoms = begin.settings, begin.atoms
    bath = Bath(
        temperature=settings.temperature,
        timestep=settings.timestep,
        friction=settings.friction,
        fix_com=settings.fix_com,
    )
    generators = [np.random.default_rng([settings.seed, window]) for window in begin.running]
    for generator, state in zip(generators, begin.state.get("rng", generators), strict=True):
        if begin.state:
            generator.bit_generator.state = state
    start = begin.ends[-1] if begin.ends else atoms.positions
    positions = np.array(begin.state["positions"]) if begin.state else np.stack([start] * len(generators))
    momenta = np.array(begin.state["momenta"]) if begin.state else None
    return Langevin(copies, atoms.get_masses(), free_atoms(atoms), bath, positions, generators, momenta)
