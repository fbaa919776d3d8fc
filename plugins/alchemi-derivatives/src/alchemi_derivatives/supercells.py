"""Supercell: a crystal repeated, atom by atom the image of one that was given, with the displacements of phonopy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np
import torch
from ase.geometry import complete_cell

from alchemi_core.errors import DerivativeError
from alchemi_derivatives.crystals import Crystal
from alchemi_derivatives.repeated_fields import kinds_of_atoms
from alchemi_derivatives.supercell_size import Size, matrix_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from phonopy import Phonopy
    from torch import Tensor

    from alchemi_core.data.batch import Batch

WHO = "force-constants"
VACUUM = 20.0
"""Å of empty space along directions that are not periodic, where phonopy wants a lattice vector: beyond any bond."""


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
        closed = _closed(cell, pbc, positions)
        matrix = matrix_for(how.size, closed, pbc)
        crystal = Crystal(
            numbers=data.atomic_numbers[atoms].tolist(),
            kinds=kinds_of_atoms(data, atoms),
            cell=closed,
            positions=positions,
            masses=masses,
            tolerance=how.tolerance or (1e-5 if data.dtype == torch.float64 else 1e-4),
        )
        phonon = crystal.phonopy(matrix, symmetry=how.symmetry, primitive=how.primitive and bool(pbc.all()))
        phonon.generate_displacements(distance=how.displacement)
        origin, shifts = _images(phonon, positions, closed)
        return cls(
            phonon=phonon,
            system=system,
            origin=torch.from_numpy(origin + atoms.start).to(data.device),
            positions=torch.from_numpy(positions[origin] + shifts @ cell).to(data.device),
            matrix=matrix,
        )

    @property
    def num_atoms(self) -> int:
        """Number of atoms M."""
        return len(self.origin)

    @property
    def cells(self) -> int:
        """How many times the crystal is repeated."""
        return abs(int(round(float(np.linalg.det(self.matrix)))))

    @property
    def num_displacements(self) -> int:
        """How many displaced supercells there are."""
        return len(self._displacements)

    def displaced(self, number: int | None) -> Tensor:
        """Return positions [M, 3] in Å with one displacement made, or with none."""
        if number is None:
            return self.positions
        moved = self.positions.clone()
        entry = self._displacements[number]
        moved[int(entry["number"])] += torch.tensor(entry["displacement"], dtype=moved.dtype, device=moved.device)
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
        found = self.phonon.force_constants
        assert found is not None
        return found

    @property
    def rows(self) -> Tensor:
        """Atom of the batch that each row of the force constants belongs to, [P]."""
        return self.origin[torch.from_numpy(np.asarray(self.phonon.primitive.p2s_map)).to(self.origin.device)]

    @property
    def _displacements(self) -> list[dict[str, NDArray[np.float64]]]:
        dataset = self.phonon.dataset
        assert dataset is not None
        return list(dataset["first_atoms"])  # type: ignore[typeddict-item, arg-type]


LEVEL = 5
"""How often phonopy imposes translation and permutation in turn; each spoils the other less and less."""


def lattice(data: Batch, system: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return cell [3, 3] in Å and pbc [3] of a crystal.

    Raises
    ------
    DerivativeError
        If it is periodic in no direction.
    """
    if data.cell is not None and data.pbc is not None and bool(data.pbc[system].any()):
        return data.cell[system].detach().double().cpu().numpy(), data.pbc[system].cpu().numpy()
    raise DerivativeError(
        f"system {system} is not periodic",
        expected="crystals, periodic in one direction at least",
        who=WHO,
        fix="derivative 'hessian' for molecules; they cannot be in one batch with crystals here",
    )


def _closed(cell: NDArray[np.float64], pbc: NDArray[np.bool_], positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the cell with a long vector across what is periodic wherever a direction is not."""
    if pbc.all():
        return cell
    closed = np.asarray(complete_cell(np.where(pbc[:, None], cell, 0.0)), dtype=np.float64)
    extent = np.ptp(positions @ closed.T, axis=0) + VACUUM
    return np.where(pbc[:, None], closed, closed * extent[:, None])


def _images(
    phonon: Phonopy, positions: NDArray[np.float64], closed: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return of which atom each one of the supercell is an image, and by how many lattice vectors it is moved."""
    supercell = phonon.supercell
    origin = np.asarray(supercell.s2u_map) // (len(supercell) // len(positions))
    shifts = np.rint((supercell.positions - positions[origin]) @ np.linalg.inv(closed))
    return origin, shifts
