"""Relaxation: ASE's optimizers on a pipeline, one step at a time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import attrs
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS, FIRE, LBFGS

from alchemi_core.ase import AlchemiCalculator
from alchemi_core.cli.composing import outputs_for
from alchemi_core.cli.snapshot import Snapshot, take_snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch
    from ase import Atoms

    from alchemi_core.pipeline import PipelineModelWrapper

OPTIMIZERS = {"bfgs": BFGS, "lbfgs": LBFGS, "fire": FIRE}


@attrs.frozen(eq=False)
class RelaxationStep:
    """One step.

    Parameters
    ----------
    snapshot : Snapshot
        The structure after it.
    pull : float, eV/Å
        Largest force on an atom, or generalised force on the cell where that moves: what has to fall below ``fmax``.
    converged : bool
        Whether it has.
    """

    snapshot: Snapshot
    pull: float
    converged: bool


@attrs.frozen
class Relaxation:
    """How to relax.

    Parameters
    ----------
    fmax : float, eV/Å
        Largest force at the end, the generalised forces on a moving cell included.
    steps : int
        Give up after this many.
    optimizer : str
        One of `OPTIMIZERS`.
    fix_cell : bool
        Leave the cell of a crystal as it is.
    """

    fmax: float = 0.005
    steps: int = 500
    optimizer: str = "bfgs"
    fix_cell: bool = False

    def moves_cell(self, atoms: Atoms) -> bool:
        """Whether the cell takes part: where a structure is periodic in all directions, unless held fixed."""
        return bool(atoms.pbc.all()) and not self.fix_cell

    def run(
        self, atoms: Atoms, pipeline: PipelineModelWrapper, dtype: torch.dtype, device: torch.device
    ) -> Iterator[RelaxationStep]:
        """Relax a structure in place; yields the start, then every step.

        The cell moves in the logarithm of its deformation, ASE's `FrechetCellFilter`.

        Raises
        ------
        PlanningError
            If the models cannot give what is needed.
        """
        stress = "stress" in outputs_for(atoms, pipeline, needs_stress=self.moves_cell(atoms))
        calculator = AlchemiCalculator(pipeline, dtype=dtype, device=device)
        began = time.perf_counter()
        atoms.calc = calculator
        # Everything at once, before the optimizer asks for one thing after the other.
        take_snapshot(atoms, calculator, step=0, elapsed=0.0, stress=stress)
        optimizer = self._optimizer(atoms)
        for converged in optimizer.irun(fmax=self.fmax, steps=self.steps):
            elapsed = time.perf_counter() - began
            snapshot = take_snapshot(atoms, calculator, step=optimizer.nsteps, elapsed=elapsed, stress=stress)
            pull = optimizer.optimizable.gradient_norm(optimizer.optimizable.get_gradient())
            yield RelaxationStep(snapshot, float(pull), bool(converged))

    def _optimizer(self, atoms: Atoms) -> Any:
        moved = FrechetCellFilter(atoms) if self.moves_cell(atoms) else atoms
        return OPTIMIZERS[self.optimizer](moved, logfile=None)
