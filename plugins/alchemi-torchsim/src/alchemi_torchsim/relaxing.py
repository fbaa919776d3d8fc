"""relax: many structures at once, each until nothing pulls any more."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from ase.calculators.singlepoint import SinglePointCalculator

from alchemi_core.algebra import add
from alchemi_core.errors import ModelOutputError, OptionError, nearest
from alchemi_torchsim.admission import STEPS, Admission
from alchemi_torchsim.carrying import PREFIX, lift
from alchemi_torchsim.engine import fire, frechet_cell_fire, systemwise_max_force, unit_cell_fire
from alchemi_torchsim.flight import Flight, Passenger, finite_systems
from alchemi_torchsim.guarding import Guarded
from alchemi_torchsim.holding import free_coordinates
from alchemi_torchsim.memory import room_for
from alchemi_torchsim.model import TorchSimModel
from alchemi_torchsim.outcomes import Relaxed

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
        Whether cells move too, of structures that are periodic in all directions. ``"frechet"`` moves them along the
        logarithm of the deformation, as `alchemi relax` does, at more cost per step.
    optimizer : {"fire", "fire-verlet"}
        FIRE in the form ASE has it, or as published.
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
        self, model: TorchSimModel, fmax: float, cell: bool | Literal["frechet"], optimizer: str, max_steps: int
    ) -> None:
        self._guarded, self._admission = Guarded(model), Admission(model)
        self._fmax, self._cell, self._max_steps = fmax, bool(cell), max_steps
        # A structure that comes to others under way starts with no velocity rather than with TorchSim's NaN, upon
        # which all would leave out a part of their step; its first time step is halved then.
        first = 2.0 * FIRST_STEP if optimizer == "fire" else FIRST_STEP
        self._start, self._update = CELLS[cell](model=self._guarded, dt_start=first, md_flavor=OPTIMIZERS[optimizer])

    def admit(self, passenger: Passenger) -> SimState:
        """Return the state of one structure."""
        atoms = _right_handed(passenger.structure)
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
        setattr(moved, PREFIX + STEPS, getattr(moved, PREFIX + STEPS) + 1)
        return moved

    def done(self, state: SimState) -> Tensor:
        """Tell which systems are at rest, out of steps or failed."""
        fine = finite_systems(state, state.energy, state.forces)
        out_of_steps: Tensor = getattr(state, PREFIX + STEPS) >= self._max_steps
        return (self._pulls(state) < self._fmax) | out_of_steps | ~fine

    def _pulls(self, state: SimState) -> Tensor:
        """Return the largest force on atoms and cell of each system: Tensor [B], eV/Å."""
        pulls: Tensor = systemwise_max_force(state)
        return torch.maximum(pulls, state.cell_forces.norm(dim=2).amax(1)) if self._cell else pulls

    def land(self, passenger: Passenger, state: SimState) -> Relaxed:
        """Return what became of a structure."""
        steps, pull, energy = int(getattr(state, PREFIX + STEPS)), float(self._pulls(state)), float(state.energy)
        error = self._guarded.errors.pop(passenger.index, None)
        if error is None and not bool(finite_systems(state, state.energy, state.forces)):
            error = _not_finite(steps)
        if error is not None:
            return Relaxed(index=passenger.index, structure=passenger.structure, steps=steps, error=error)
        return Relaxed(
            index=passenger.index,
            structure=passenger.structure,
            atoms=self._atoms(passenger, state),
            steps=steps,
            energy=energy,
            pull=pull,
            status="converged" if pull < self._fmax else "not converged",
        )

    def fail(self, passenger: Passenger, error: Exception) -> Relaxed:
        """Return that a structure was not admitted."""
        return Relaxed(index=passenger.index, structure=passenger.structure, error=error)

    def _atoms(self, passenger: Passenger, state: SimState) -> Atoms:
        atoms, moved = passenger.structure.copy(), self._moves(passenger.structure)
        results = {"energy": float(state.energy), "forces": _array(state.forces)}
        if moved:
            order = _order(passenger.structure)
            atoms.set_cell(_array(state.cell[0]).T[order])
            results["stress"] = _voigt(_array(state.stress[0]))
        free = free_coordinates(passenger.structure, cell_moves=moved)
        positions = np.where(free, _array(state.positions), atoms.positions)
        atoms.set_positions(positions, apply_constraint=False)
        atoms.calc = SinglePointCalculator(atoms, **results)
        return atoms


def _right_handed(structure: Atoms) -> Atoms:
    """Return a copy whose lattice vectors are right-handed: TorchSim takes the determinant of a cell for its volume."""
    atoms = structure.copy()
    atoms.set_cell(atoms.cell.array[_order(structure)])
    atoms.pbc = atoms.pbc[_order(structure)]
    return atoms


def _order(structure: Atoms) -> list[int]:
    left = np.linalg.det(structure.cell.array) < 0.0
    return [1, 0, 2] if left else [0, 1, 2]


def _array(tensor: Tensor) -> np.ndarray:
    array: np.ndarray = tensor.detach().cpu().double().numpy()
    return array


def _voigt(stress: np.ndarray) -> np.ndarray:
    """Return ASE's six numbers, xx yy zz yz xz xy."""
    return 0.5 * (stress + stress.T)[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]


def _not_finite(steps: int) -> ModelOutputError:
    return ModelOutputError(
        f"energy or forces are not finite after {steps} steps",
        expected="finite numbers",
        who="relax",
        fix="look for atoms on top of each other, or elements that the model was not made for",
    )


def _check(fmax: float, cell: object, optimizer: str, max_steps: int) -> None:
    who = "relax"
    if not (isinstance(fmax, int | float) and math.isfinite(fmax) and fmax > 0.0):
        raise OptionError(f"fmax={fmax!r}", expected="a positive force, eV/Å", who=who)
    if cell not in CELLS:
        raise OptionError(f"cell={cell!r}", expected="True, False or 'frechet'", who=who)
    if optimizer not in OPTIMIZERS:
        close = nearest(str(optimizer), OPTIMIZERS)
        expected = "one of " + ", ".join(map(repr, OPTIMIZERS))
        raise OptionError(f"optimizer={optimizer!r}", expected=expected, who=who, fix=close or "optimizer='fire'")
    if not isinstance(max_steps, int) or max_steps < 0:
        raise OptionError(f"max_steps={max_steps!r}", expected="a whole number, 0 or more", who=who)
