"""Resting: the structure of a job relaxed before its derivatives are taken."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from alchemi_core.cli.progress import Progress
from alchemi_core.cli.relax_job import FIELDS
from alchemi_core.cli.relaxation import Relaxation, RelaxationStep

if TYPE_CHECKING:
    from ase import Atoms

    from alchemi_derivatives.cli.job import Job


def relax(job: Job, fmax: float, steps: int) -> tuple[Atoms, bool]:
    """Relax positions, and the cell of a crystal, with a line for each step.

    Parameters
    ----------
    job : Job
        Its structure stays as it is.
    fmax : float, eV/Å
        Largest force at the end, the generalised forces on the cell included.
    steps : int
        Give up after this many.

    Returns
    -------
    atoms : ase.Atoms
        Where the relaxation ended, without a calculator.
    converged : bool
        Whether the forces are as small as wanted.
    """
    atoms, how = job.structure.atoms.copy(), Relaxation(fmax, steps)
    done: list[RelaxationStep] = []
    with Progress(f"{job.structure.label}: relaxing", FIELDS) as progress:
        for step in how.run(atoms, job.pipeline, job.dtype, job.device):
            done.append(step)
            now = step.snapshot
            share = _share(done[0].pull, step.pull, fmax)
            note = f"largest force {step.pull:.4f}, until {fmax:g} eV/Å"
            progress.line((now.step, now.energy, now.max_force, now.max_stress, now.elapsed), done=share, note=note)
    atoms.calc = None
    return atoms, done[-1].converged


def _share(first: float, now: float, wanted: float) -> float:
    """How far the largest force has come down, on a logarithmic scale."""
    if now <= wanted or first <= wanted:
        return 1.0
    return max(0.0, math.log(first / now) / math.log(first / wanted))
