"""relax: many structures at once, each until nothing pulls any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from ase.stress import full_3x3_to_voigt_6_stress

from alchemi_core.algebra import add
from alchemi_core.errors import OptionError, nearest
from alchemi_torchsim.admission import STEPS, Admission
from alchemi_torchsim.carrying import have, lift, put
from alchemi_torchsim.engine import fire, frechet_cell_fire, systemwise_max_force, unit_cell_fire
from alchemi_torchsim.flight import Flight, Passenger
from alchemi_torchsim.guarding import UNMASKED, Guarded
from alchemi_torchsim.holding import free_coordinates
from alchemi_torchsim.memory import room_for
from alchemi_torchsim.model import TorchSimModel
from alchemi_torchsim.numerics import finite_systems, is_positive, not_finite
from alchemi_torchsim.outcomes import Relaxed
from alchemi_torchsim.placing import as_array, order, placed, right_handed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ase import Atoms
    from torch import Tensor

    from alchemi_core.models import BaseModelMixin
    from alchemi_core.pipeline import PipelineModelWrapper
    from alchemi_torchsim.engine import SimState

OPTIMIZERS = {"fire": "ase_fire", "fire-verlet": "vv_fire"}
"""Names, and what TorchSim calls them: FIRE in ASE's form, and with masses and velocity Verlet as published."""

CELLS = {False: fire, True: unit_cell_fire, "frechet": frechet_cell_fire}

LIKELY = "look for atoms on top of each other, or a model out of its range"
"""What mends a system whose forces are no numbers."""

FIRST_STEP = 0.1
"""TorchSim's first time step of FIRE, in its units."""


def relax(
    pipe: PipelineModelWrapper | BaseModelMixin,
    structures: Iterable[Atoms],
    *,
    fmax: float = 0.005,
    cell: bool | Literal["frechet"] = False,
    optimizer: Literal["fire", "fire-verlet"] = "fire",
    max_steps: int = 500,
    atoms_at_once: int | None = None,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str | None = None,
) -> Iterator[Relaxed]:
    """Relax many structures at once with TorchSim; those that are done make room for others.

    The way a structure takes does not depend on what else is in the batch. Structures that fail, with coordinates that
    are not finite, an element that a model does not know, or whatever a model refuses, are named in their results and
    disturb no others.

    Parameters
    ----------
    pipe : PipelineModelWrapper or model
        What to relax with.
    structures : iterable of ase.Atoms
        Crystals, slabs, wires and molecules in any mixture; read as places get free, so it may be a generator without
        end. `FixAtoms` and `FixCartesian` are honoured where the cell stays; any other constraint is an error of that
        structure.
    fmax : float, eV/Å
        Largest force at the end; with a moving cell, the generalised force on it divided by the number of atoms too.
    cell : bool or "frechet"
        Whether cells move too, of structures that are periodic in all directions: with the deformation for a variable,
        or with ``"frechet"`` its logarithm, as in `alchemi relax`, which takes TorchSim 3 to 4 ms more for each
        structure and step.
    optimizer : {"fire", "fire-verlet"}
        FIRE nearly as ASE has it, or as published.
    max_steps : int
        Steps of each structure.
    atoms_at_once : int, optional
        Atoms in a batch. By default what memory allows, on the CPU not more than is of use; on a GPU TorchSim tries how
        much fits.
    dtype : torch.dtype
        Floating type of positions and results.
    device : torch.device or str, optional
        Where to compute; by default where the pipeline is.

    Yields
    ------
    Relaxed
        One for each structure, in the order given; those that are done earlier wait for their turn.

    Raises
    ------
    OptionError
        If an option cannot be right.
    CannotServeError
        If the pipeline cannot give forces, or stress where cells move.
    """
    _check(fmax, cell, optimizer, max_steps)
    whole = add(0, pipe)
    model = TorchSimModel(whole, device=device, dtype=dtype, compute_stress=bool(cell))
    motion = Relaxation(model, fmax, cell, optimizer, max_steps)
    return Flight(motion, structures, model, room_for(model, atoms_at_once)).outcomes()


class Relaxation:
    """Moves systems downhill.

    Parameters
    ----------
    model : TorchSimModel
        What to compute with.
    fmax, cell, optimizer, max_steps
        As of `relax`.
    """

    def __init__(
        self,
        model: TorchSimModel,
        fmax: float,
        cell: bool | Literal["frechet"],  # noqa: FBT001
        optimizer: str,
        max_steps: int,
    ) -> None:
        self._guarded, self._admission = Guarded(model), Admission(model)
        self._fmax, self._cell, self._max_steps = fmax, bool(cell), max_steps
        # A structure that comes to others under way starts with no velocity rather than with TorchSim's NaN, upon
        # which all would leave out a part of their step; its first time step is halved then.
        first = 2.0 * FIRST_STEP if optimizer == "fire" else FIRST_STEP
        self._start, self._update = CELLS[cell](model=self._guarded, dt_start=first, md_flavor=OPTIMIZERS[optimizer])

    def admit(self, passenger: Passenger) -> SimState:
        """Return the state of one structure."""
        atoms = right_handed(passenger.structure)
        moves = self._moves(atoms)
        free = free_coordinates(atoms, cell_moves=moves)
        return self._admission.state(passenger, atoms, free, cell_moves=moves)

    def _moves(self, atoms: Atoms) -> bool:
        return self._cell and bool(atoms.pbc.all())

    def start(self, state: SimState) -> SimState:
        """Compute energies and forces."""
        started = lift(self._start(state), state)
        started.velocities = torch.zeros_like(started.velocities)
        if self._cell:
            started.cell_velocities = torch.zeros_like(started.cell_velocities)
        return started

    def step(self, state: SimState) -> SimState:
        """Take one step."""
        moved: SimState = self._update(state)
        put(moved, STEPS, have(moved, STEPS) + 1)
        return moved

    def done(self, state: SimState) -> Tensor:
        """Tell which systems are at rest, out of steps or failed."""
        out_of_steps = have(state, STEPS) >= self._max_steps
        return (self._pulls(state) < self._fmax) | out_of_steps | ~finite_systems(state)

    def _pulls(self, state: SimState) -> Tensor:
        """Return the largest force on atoms and cell of each system: Tensor [B], eV/Å."""
        pulls: Tensor = systemwise_max_force(state)
        return torch.maximum(pulls, state.cell_forces.norm(dim=2).amax(1)) if self._cell else pulls

    def land(self, passenger: Passenger, state: SimState) -> Relaxed:
        """Return what became of a structure."""
        steps, pull = int(have(state, STEPS)), float(self._pulls(state))
        error = self._guarded.error_of(passenger.index) or not_finite(state, steps, "relax", LIKELY)
        if error is not None:
            return self.fail(passenger, error, steps)
        return Relaxed(
            index=passenger.index,
            structure=passenger.structure,
            atoms=self._atoms(passenger.structure, state),
            steps=steps,
            energy=float(state.energy),
            pull=pull,
            status="converged" if pull < self._fmax else "not converged",
        )

    def fail(self, passenger: Passenger, error: Exception, steps: int = 0) -> Relaxed:
        """Return that a structure failed, after so many steps."""
        return Relaxed(index=passenger.index, structure=passenger.structure, steps=steps, error=error)

    def _atoms(self, structure: Atoms, state: SimState) -> Atoms:
        results: dict[str, Any] = {"energy": float(state.energy), "forces": as_array(have(state, UNMASKED))}
        moved, base = self._moves(structure), structure.copy()
        if moved:
            base.set_cell(as_array(state.cell[0]).T[order(structure)])
            results["stress"] = full_3x3_to_voigt_6_stress(as_array(state.stress[0]))
        # held coordinates as they were given, not as a shorter floating type has them
        free = free_coordinates(structure, cell_moves=moved)
        return placed(base, np.where(free, as_array(state.positions), structure.positions), **results)


def _check(fmax: float, cell: object, optimizer: str, max_steps: int) -> None:
    who = "relax"
    if not is_positive(fmax):
        raise OptionError(f"fmax={fmax!r}", expected="a positive force, eV/Å", who=who)
    if cell not in CELLS:
        raise OptionError(f"cell={cell!r}", expected="True, False or 'frechet'", who=who)
    if optimizer not in OPTIMIZERS:
        close = nearest(str(optimizer), OPTIMIZERS)
        expected = "one of " + ", ".join(map(repr, OPTIMIZERS))
        raise OptionError(f"optimizer={optimizer!r}", expected=expected, who=who, fix=f"optimizer={close or 'fire'!r}")
    if type(max_steps) is not int or max_steps < 0:
        raise OptionError(f"max_steps={max_steps!r}", expected="a whole number, 0 or more", who=who)
