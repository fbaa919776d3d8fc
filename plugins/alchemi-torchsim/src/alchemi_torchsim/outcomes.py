"""What became of a structure: relaxed, moved, or failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs

if TYPE_CHECKING:
    import numpy as np
    from ase import Atoms

Status = Literal["converged", "not converged", "failed"]


@attrs.frozen(eq=False, kw_only=True)
class Relaxed:
    """What became of one structure of a relaxation.

    Parameters
    ----------
    index : int
        Its place among those given.
    structure : ase.Atoms
        As it was given; it stays as it was.
    atoms : ase.Atoms or None
        Relaxed, with energy, forces and, where the cell moved, stress as its calculator's results; None where it
        failed. Forces are those of the model, on held atoms too: ``get_forces(apply_constraint=False)``.
    steps : int
        Steps it took.
    energy : float or None, eV
        At the end.
    pull : float or None, eV/Å
        Largest force at the end, on an atom that is free to move or on the cell (per atom) where that moves.
    status : str
        ``"converged"``, ``"not converged"`` or ``"failed"``.
    error : Exception or None
        Why it failed.
    """

    index: int
    structure: Atoms
    atoms: Atoms | None = None
    steps: int = 0
    energy: float | None = None
    pull: float | None = None
    status: Status = "failed"
    error: Exception | None = None

    @property
    def converged(self) -> bool:
        """Whether nothing pulls any more."""
        return self.status == "converged"


@attrs.frozen(eq=False, kw_only=True)
class Moved:
    """What became of one structure of a molecular dynamics run.

    Parameters
    ----------
    index, structure, error
        As of `Relaxed`.
    atoms : ase.Atoms or None
        At the end, with momenta, energy and forces, on held atoms too; None where it failed. Atoms are not put back
        into the cell.
    times : ndarray [T], fs
        When values were recorded.
    potential, kinetic : ndarray [T], eV
        Potential and kinetic energy.
    temperatures : ndarray [T], K
        Of the degrees of freedom that are free, without those of the centre of mass where that rests.
    frames : tuple of ase.Atoms
        Structures at these times, where they were asked for.
    """

    index: int
    structure: Atoms
    atoms: Atoms | None = None
    times: np.ndarray
    potential: np.ndarray
    kinetic: np.ndarray
    temperatures: np.ndarray
    frames: tuple[Atoms, ...] = ()
    error: Exception | None = None
