"""run_md: molecular dynamics of many structures at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from ase import units

from alchemi_core.algebra import add
from alchemi_torchsim.admission import STEPS, Admission
from alchemi_torchsim.carrying import carry, have, lift, put
from alchemi_torchsim.flight import Flight, Passenger
from alchemi_torchsim.guarding import UNMASKED, Guarded
from alchemi_torchsim.holding import free_coordinates, refuse_constraints
from alchemi_torchsim.memory import room_for
from alchemi_torchsim.model import TorchSimModel
from alchemi_torchsim.momenta import degrees_of_freedom, first_momenta
from alchemi_torchsim.numerics import finite_systems, not_finite
from alchemi_torchsim.outcomes import Moved
from alchemi_torchsim.placing import as_array, placed
from alchemi_torchsim.records import Records
from alchemi_torchsim.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ase import Atoms
    from torch import Tensor

    from alchemi_core.models import BaseModelMixin
    from alchemi_core.pipeline import PipelineModelWrapper
    from alchemi_torchsim.engine import SimState

MOMENTA = "momenta"

LIKELY = "a shorter timestep, or a relaxed structure to begin with"
"""What mends a system whose forces are no numbers."""


def run_md(
    pipe: PipelineModelWrapper | BaseModelMixin,
    structures: Iterable[Atoms],
    *,
    steps: int,
    timestep: float = 1.0,
    ensemble: Literal["nve", "nvt"] = "nve",
    temperature: float = 300.0,
    friction: float = 0.01,
    every: int = 10,
    frames: bool = False,
    seed: int | None = None,
    atoms_at_once: int | None = None,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str | None = None,
) -> Iterator[Moved]:
    """Run molecular dynamics of many structures at once with TorchSim.

    Structures that fail, as soon as their energy or forces are no numbers, are named in their results and disturb no
    others.

    Parameters
    ----------
    pipe : PipelineModelWrapper or model
        What to move with.
    structures : iterable of ase.Atoms
        In any mixture; read as places get free. Momenta that a structure has are kept; others are drawn at the
        temperature, without motion of the centre of mass. `FixAtoms` and `FixCartesian` are honoured in NVE.
    steps : int
        Steps of each structure.
    timestep : float, fs
        Time step.
    ensemble : {"nve", "nvt"}
        Velocity Verlet; or Langevin dynamics with it, whose noise torch's own generator gives: ``torch.manual_seed``.
    temperature : float, K
        Of the momenta drawn, and of the Langevin thermostat.
    friction : float, 1/fs
        Of the Langevin thermostat.
    every : int
        Steps between records.
    frames : bool
        Whether structures are kept with each record.
    seed : int, optional
        Of the momenta drawn; a structure gets the same ones whatever else is in the batch.
    atoms_at_once, dtype, device
        As of `relax`.

    Yields
    ------
    Moved
        One for each structure, in the order given.

    Raises
    ------
    OptionError
        If an option cannot be right.
    CannotServeError
        If the pipeline cannot give forces.
    """
    settings = Settings(steps, timestep, ensemble, temperature, friction, every, frames, seed)
    model = TorchSimModel(add(0, pipe), device=device, dtype=dtype)
    motion = Dynamics(model, settings)
    return Flight(motion, structures, model, room_for(model, atoms_at_once)).outcomes()


class Dynamics:
    """Moves systems in time.

    Parameters
    ----------
    model : TorchSimModel
        What to compute with.
    settings : Settings
        How.
    """

    def __init__(self, model: TorchSimModel, settings: Settings) -> None:
        self._guarded, self._admission, self._settings = Guarded(model), Admission(model), settings
        self._start, self._update = settings.integrator(self._guarded)
        self._records = Records(settings)

    def admit(self, passenger: Passenger) -> SimState:
        """Return the state of one structure, momenta included."""
        atoms = passenger.structure
        if self._settings.ensemble == "nvt":
            refuse_constraints(atoms, "run_md(ensemble='nvt')", "ensemble='nve', which honours FixAtoms")
        free = free_coordinates(atoms, cell_moves=False)
        state = self._admission.state(passenger, atoms, free, cell_moves=False)
        momenta = first_momenta(atoms, free, self._settings, passenger.index)
        return carry(state, atoms={MOMENTA: torch.from_numpy(momenta).to(state.positions)}, systems={})

    def start(self, state: SimState) -> SimState:
        """Compute energies and forces."""
        started = lift(self._start(state), state)
        started.momenta = have(state, MOMENTA)
        self._records.take(started)
        return started

    def step(self, state: SimState) -> SimState:
        """Take one step."""
        moved: SimState = self._update(state)
        put(moved, STEPS, have(moved, STEPS) + 1)
        self._records.take(moved)
        return moved

    def done(self, state: SimState) -> Tensor:
        """Tell which systems have taken all steps or failed."""
        return (have(state, STEPS) >= self._settings.steps) | ~finite_systems(state)

    def land(self, passenger: Passenger, state: SimState) -> Moved:
        """Return what became of a structure."""
        steps = int(have(state, STEPS))
        error = self._guarded.error_of(passenger.index) or not_finite(state, steps, "run_md", LIKELY)
        if error is not None:
            return self.fail(passenger, error)
        results = {"energy": float(state.energy), "forces": as_array(have(state, UNMASKED))}
        atoms = placed(passenger.structure, as_array(state.positions), **results)
        atoms.set_momenta(as_array(state.momenta), apply_constraint=False)
        return self._outcome(passenger, atoms, None)

    def fail(self, passenger: Passenger, error: Exception) -> Moved:
        """Return that a structure failed, with what was recorded of it before."""
        return self._outcome(passenger, None, error)

    def _outcome(self, passenger: Passenger, atoms: Atoms | None, error: Exception | None) -> Moved:
        records = self._records.pop(passenger.index)
        structure, kinetic = passenger.structure, np.array([record.kinetic for record in records])
        frames = [placed(structure, record.positions) for record in records if record.positions is not None]
        return Moved(
            index=passenger.index,
            structure=structure,
            atoms=atoms,
            times=np.array([record.step * self._settings.timestep for record in records]),
            potential=np.array([record.potential for record in records]),
            kinetic=kinetic,
            temperatures=2.0 * kinetic / (self._degrees(structure) * units.kB) if records else kinetic,
            frames=tuple(frames),
            error=error,
        )

    def _degrees(self, structure: Atoms) -> int:
        return degrees_of_freedom(structure, free_coordinates(structure, cell_moves=False), self._settings)
