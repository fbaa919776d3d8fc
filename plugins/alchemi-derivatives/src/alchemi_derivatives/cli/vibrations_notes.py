"""What has to be said beside frequencies: whether they are those of a minimum, and of what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ase import Atoms

    from alchemi_derivatives.modes import Modes

AT_REST = 0.01
"""Largest force of a structure whose frequencies are taken for those of a minimum, eV/Å."""

SMALL = 30.0
"""Imaginary wavenumbers below this may come from forces that are small and not quite zero, cm⁻¹."""

VACUUM = 3.0
"""Empty space along a lattice vector, Å, beyond which images are not neighbours."""


def notes_on(modes: Modes, max_force: float, atoms: Atoms) -> list[str]:
    """Return the notes, each a sentence.

    Parameters
    ----------
    modes : Modes
        That were found.
    max_force : float, eV/Å
        Largest force on an atom.
    atoms : ase.Atoms
        The structure.
    """
    notes = []
    if max_force > AT_REST:
        notes.append(
            f"not at rest: the largest force is {max_force:.3g} eV/Å, above {AT_REST:g}, so that these are not "
            "the frequencies of a minimum; --relax relaxes the positions first"
        )
    if modes.imaginary:
        notes.append(_imaginary(-float(modes.frequencies.min()), max_force))
    if atoms.pbc.all() and _is_surrounded_by_vacuum(atoms):
        notes.append(
            "there is vacuum in all directions: a molecule has pbc=False, and its rotations are then taken out"
        )
    elif atoms.pbc.any():
        notes.append("modes of the cell at the zone centre only; alchemi phonons gives those of the crystal")
    if atoms.constraints:
        notes.append("atoms that the file holds fixed vibrate here like all others")
    return notes


def _imaginary(largest: float, max_force: float) -> str:
    note = "imaginary frequencies are those of directions along which the energy falls"
    if largest < SMALL and max_force <= AT_REST:
        note += f"; of less than {SMALL:g} cm⁻¹ they may be numerically zero: --relax with a smaller --fmax tells"
    return note


def _is_surrounded_by_vacuum(atoms: Atoms) -> bool:
    """Tell whether planes of the cell have a gap without atoms along every lattice vector."""
    heights = 1.0 / np.linalg.norm(np.linalg.inv(atoms.cell.array), axis=0)
    places = np.sort(atoms.get_scaled_positions(wrap=True), axis=0)
    gaps = np.diff(places, axis=0, append=places[:1] + 1.0).max(axis=0)
    return bool((gaps * heights > VACUUM).all())
