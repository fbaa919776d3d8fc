"""Resting: the structure of a job relaxed before its derivatives are taken."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.cli.progress import Progress
from alchemi_core.cli.relax_job import FIELDS
from alchemi_core.cli.relaxation import Relaxation, RelaxationStep

if TYPE_CHECKING:
    from ase import Atoms

    from alchemi_derivatives.cli.job import Job


@attrs.frozen(eq=False)
class Rest:
    """Where a relaxation ended.

    Parameters
    ----------
    atoms : ase.Atoms
        The structure, without a calculator.
    converged : bool
        Whether the forces are as small as wanted.
    steps : int
        How many were made.
    fmax : float, eV/Å
        What was wanted.
    pull : float, eV/Å
        Largest force at the end, the generalised forces on the cell included.
    """

    atoms: Atoms
    converged: bool
    steps: int
    fmax: float
    pull: float

    def summary(self) -> dict[str, Any]:
        """Return all but the structure, for ``run.json``."""
        return {
            "converged": self.converged,
            "steps": self.steps,
            "fmax_eV_per_A": self.fmax,
            "largest_force_eV_per_A": self.pull,
        }


def relax(job: Job, fmax: float, steps: int, *, fix_cell: bool = False) -> Rest:
    """Relax positions, and the cell of a crystal, with a line for each step.

    Parameters
    ----------
    job : Job
        Its structure stays as it is.
    fmax : float, eV/Å
        Largest force at the end, the generalised forces on the cell included.
    steps : int
        Give up after this many.
    fix_cell : bool
        Leave the cell as it is.
    """
    atoms, how = job.structure.atoms.copy(), Relaxation(fmax, steps, fix_cell=fix_cell)
    done: list[RelaxationStep] = []
    with Progress(f"{job.structure.label}: relaxing", FIELDS) as progress:
        for step in how.run(atoms, job.pipeline, job.dtype, job.device):
            done.append(step)
            now = step.snapshot
            share = _share(done[0].pull, step.pull, fmax)
            note = f"largest force {step.pull:.4f}, until {fmax:g} eV/Å"
            progress.line((now.step, now.energy, now.max_force, now.max_stress, now.elapsed), done=share, note=note)
    atoms.calc = None
    last = done[-1]
    end = "relaxed" if last.converged else "not converged"
    sys.stdout.write(f"{end} after {last.snapshot.step} steps, largest force {last.pull:.2g} eV/Å\n")
    return Rest(atoms, last.converged, last.snapshot.step, fmax, last.pull)


def _share(first: float, now: float, wanted: float) -> float:
    """How far the largest force has come down, on a logarithmic scale."""
    if now <= wanted or first <= wanted:
        return 1.0
    return max(0.0, math.log(first / now) / math.log(first / wanted))
