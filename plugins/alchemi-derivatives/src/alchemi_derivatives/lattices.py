"""Lattices of crystals, layers and chains in a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ase.geometry import complete_cell

from alchemi_core.errors import DerivativeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from alchemi_core.data.batch import Batch

WHO = "force-constants"
VACUUM = 20.0
"""Å of empty space along directions that are not periodic, where phonopy wants a lattice vector: beyond any bond."""


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
        fix="for molecules the derivative 'hessian' or alchemi vibrations; not in one batch with crystals",
    )


def closed(cell: NDArray[np.float64], pbc: NDArray[np.bool_], positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a cell with three vectors: as long ones as it takes wherever a direction is not periodic.

    Parameters
    ----------
    cell : ndarray [3, 3], Å
        Lattice vectors as rows.
    pbc : ndarray [3], bool
        Which of them count.
    positions : ndarray [n, 3], Å
        Of the atoms, which determine how long.

    Returns
    -------
    ndarray [3, 3], Å
        Periodic vectors as they are; the others at right angles to these, longer than the atoms reach.
    """
    if pbc.all():
        return cell
    complete = np.asarray(complete_cell(np.where(pbc[:, None], cell, 0.0)), dtype=np.float64)
    extent = np.ptp(positions @ complete.T, axis=0) + VACUUM
    return np.where(pbc[:, None], complete, complete * extent[:, None])
