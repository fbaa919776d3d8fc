"""Supercell: a crystal repeated, atom by atom the image of one that was given, with the displacements of phonopy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np
import torch

from alchemi_derivatives.crystals import Crystal
from alchemi_derivatives.lattices import closed, lattice
from alchemi_derivatives.repeated_fields import kinds_of_atoms
from alchemi_derivatives.supercell_size import Size, determinant, matrix_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from phonopy import Phonopy
    from torch import Tensor

    from alchemi_core.data.batch import Batch

WHO = "force-constants"


@attrs.frozen
class Displacing:
    """How supercells are made and displaced.

    Parameters
    ----------
    size : Size
        Of the supercells.
    displacement : float, Å
        How far atoms are moved.
    symmetry : bool
        Whether displacements that follow from others by symmetry are left out.
    tolerance : float, Å, optional
        Within which atoms that symmetry relates coincide; by default 1e-5, and 1e-4 in float32.
    primitive : bool
        Whether phonopy takes the primitive cell of the crystal, rather than the cell given, as its primitive cell.
    """

    size: Size
    displacement: float = 0.01
    symmetry: bool = True
    tolerance: float | None = None
    primitive: bool = False


@attrs.frozen(eq=False)
class Supercell:
    """A supercell of one crystal of a batch.

    Parameters
    ----------
    phonon : phonopy.Phonopy
        With displacements, and without forces.
    system : int
        The crystal in the batch.
    origin : Tensor [M]
        Atom of the batch that each atom is an image of.
    positions : Tensor [M, 3], Å
        Those atoms, each moved by whole lattice vectors.
    matrix : ndarray [3, 3], int
        Row i holds supercell vector i in terms of the lattice vectors.
    """

    phonon: Phonopy
    system: int
    origin: Tensor
    positions: Tensor
    matrix: NDArray[np.int64]

    @classmethod
    def of(cls, data: Batch, system: int, how: Displacing, masses: Sequence[float] | None = None) -> Supercell:
        """Repeat a crystal of a batch, and generate the displacements.

        Raises
        ------
        DerivativeError
            If it is periodic in no direction.
        OptionError
            If the supercell does not fit to it.
        """
        cell, pbc = lattice(data, system)
        atoms = slice(data.ptr[system], data.ptr[system + 1])
        positions = data.positions[atoms].detach().double().cpu().numpy()
        whole = closed(cell, pbc, positions)
        matrix = matrix_for(how.size, whole, pbc)
        crystal = Crystal(
            numbers=data.atomic_numbers[atoms].tolist(),
            kinds=kinds_of_atoms(data, atoms),
            cell=whole,
            positions=positions,
            masses=masses,
            tolerance=how.tolerance or (1e-5 if data.dtype == torch.float64 else 1e-4),
        )
        phonon = crystal.phonopy(matrix, symmetry=how.symmetry, primitive=how.primitive and bool(pbc.all()))
        phonon.generate_displacements(distance=how.displacement)
        origin, shifts = _images(phonon, positions, whole)
        return cls(
            phonon=phonon,
            system=system,
            origin=torch.from_numpy(origin + atoms.start).to(data.device),
            positions=torch.from_numpy(positions[origin] + shifts @ np.where(pbc[:, None], cell, 0.0)).to(data.device),
            matrix=matrix,
        )

    @property
    def num_atoms(self) -> int:
        """Number of atoms M."""
        return len(self.origin)

    @property
    def cells(self) -> int:
        """How many times the crystal is repeated."""
        return determinant(self.matrix)

    @property
    def num_displacements(self) -> int:
        """How many displaced supercells there are."""
        return len(self.phonon.displacements)

    def displaced(self, number: int | None) -> Tensor:
        """Return positions [M, 3] in Å with one displacement made, or with none."""
        if number is None:
            return self.positions
        moved = self.positions.clone()
        atom, *step = self.phonon.displacements[number]
        moved[int(atom)] += torch.tensor(step, dtype=moved.dtype, device=moved.device)
        return moved

    def force_constants(self, forces: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give phonopy the forces, and return what it makes of them.

        Parameters
        ----------
        forces : ndarray [D, M, 3], eV/Å
            Changes of the forces in each displaced supercell.

        Returns
        -------
        ndarray [P, M, 3, 3], eV/Å²
            Of the atoms of phonopy's primitive cell, with every atom of the supercell.
        """
        self.phonon.forces = forces
        self.phonon.produce_force_constants(calculate_full_force_constants=False, show_drift=False)
        self.phonon.symmetrize_force_constants(level=LEVEL, show_drift=False)
        return np.asarray(self.phonon.force_constants)

    @property
    def rows(self) -> Tensor:
        """Atom of the batch that each row of the force constants belongs to, [P]."""
        return self.origin[torch.from_numpy(np.asarray(self.phonon.primitive.p2s_map)).to(self.origin.device)]


LEVEL = 5
"""How often phonopy imposes translation and permutation in turn; each spoils the other less and less."""


def _images(
    phonon: Phonopy, positions: NDArray[np.float64], cell: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return of which atom each one of the supercell is an image, and by how many lattice vectors it is moved."""
    supercell = phonon.supercell
    origin = np.asarray(supercell.s2u_map) // (len(supercell) // len(positions))
    shifts = np.rint((supercell.positions - positions[origin]) @ np.linalg.inv(cell))
    return origin, shifts
