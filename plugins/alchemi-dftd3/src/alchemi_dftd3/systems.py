"""From a view to single systems in atomic units, in a form in which s-dftd3 treats partial periodicity right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np
import torch

from alchemi_core.errors import GeometryError, UnsupportedElementError
from alchemi_core.quantities import BOHR

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from alchemi_core.data.view import ModelView

WHO = "dftd3"
MARGIN = 1.0
"""Bohr of vacuum beyond the longest cutoff."""

SINGULAR = 1e-10
"""Volume of a cell of unit vectors below which they count as linearly dependent."""


@attrs.frozen(eq=False)
class System:
    """One system, Bohr.

    Parameters
    ----------
    index : int
        Its place in the batch.
    atoms : slice
        Its atoms in the batch.
    numbers : ndarray [n], int32
        Elements.
    positions : ndarray [n, 3], Bohr
        Need not be wrapped.
    lattice : ndarray [3, 3], Bohr, or None
        Lattice vectors as rows, all three periodic; None for a molecule. Where the system is not periodic, a vector
        perpendicular to the periodic ones and so long that no image is within reach.
    """

    index: int
    atoms: slice
    numbers: NDArray[np.int32]
    positions: NDArray[np.float64]
    lattice: NDArray[np.float64] | None


def read_systems(view: ModelView, reach: float, known: frozenset[int]) -> tuple[System, ...]:
    """Return the systems of a view that have atoms.

    s-dftd3 folds atoms into the cell along all three vectors as soon as one is periodic, and counts images of skewed
    slabs wrongly; a system that is periodic in one or two directions therefore gets vacuum beyond the cutoffs in the
    others and is passed as a crystal, with the same sums.

    Parameters
    ----------
    view : ModelView
        The batch, on any device.
    reach : float, Bohr
        Longest cutoff.
    known : frozenset of int
        Atomic numbers with reference data.

    Raises
    ------
    UnsupportedElementError
        If another element occurs.
    GeometryError
        If a coordinate is not finite or a cell is singular.
    """
    numbers = view.atomic_numbers.cpu().numpy().astype(np.int32)
    _check_elements(numbers, known)
    positions = _host(view.positions) / BOHR
    spans = enumerate(zip(view.ptr, view.ptr[1:], strict=False))
    occupied = [(index, slice(start, stop)) for index, (start, stop) in spans if start < stop]
    for index, atoms in occupied:
        _check_finite(positions[atoms], atoms.start, index)
    lattices = _lattices(view, [(index, positions[atoms]) for index, atoms in occupied], reach)
    return tuple(
        System(index, atoms, numbers[atoms], positions[atoms], lattices.get(index)) for index, atoms in occupied
    )


def _lattices(
    view: ModelView, systems: list[tuple[int, NDArray[np.float64]]], reach: float
) -> dict[int, NDArray[np.float64]]:
    """Return the lattices of the periodic ones among the systems, given with their positions."""
    if view.cell is None or view.pbc is None:
        return {}
    cells, periodic = _host(view.cell) / BOHR, view.pbc.cpu().numpy()
    for index, _ in systems:
        if not np.isfinite(cells[index][periodic[index]]).all():
            raise _no_lattice(index)
    lattices = {
        index: _lattice(positions, cells[index], periodic[index], reach)
        for index, positions in systems
        if periodic[index].any()
    }
    for index, lattice in lattices.items():
        _check_lattice(lattice, index)
    return lattices


def touching(first: int, second: int) -> GeometryError:
    """Return the error for two atoms at one place."""
    return GeometryError(
        f"atoms {first} and {second} are at one place",
        expected="a distance above zero between any two atoms",
        who=WHO,
        fix="remove the duplicate atom, or check the cell",
    )


def _check_elements(numbers: NDArray[np.int32], known: frozenset[int]) -> None:
    if unknown := set(numbers.tolist()) - known:
        number = min(unknown)
        raise UnsupportedElementError(
            f"atom {int(np.argmax(numbers == number))} has atomic number {number}",
            expected=f"elements with D3 reference data, up to {max(known)}",
            who=WHO,
        )


def _host(tensor: Tensor) -> NDArray[np.float64]:
    array: NDArray[np.float64] = tensor.detach().to("cpu", torch.float64).numpy()
    return array


def _lattice(
    positions: NDArray[np.float64], cell: NDArray[np.float64], periodic: NDArray[np.bool_], reach: float
) -> NDArray[np.float64]:
    if periodic.all():
        return cell
    kept = cell[periodic]
    # the last right-singular vectors span what is perpendicular to the periodic ones
    normals = np.linalg.svd(kept)[2][len(kept) :]
    extents = np.ptp(positions @ normals.T, axis=0)
    lattice = cell.copy()
    lattice[~periodic] = normals * (extents + reach + MARGIN)[:, None]
    return lattice


def _check_finite(positions: NDArray[np.float64], start: int, system: int) -> None:
    # one sum is finite exactly when, overflow aside, every term is
    if not np.isfinite(positions.sum()):
        atom = start + int(np.argmax(~np.isfinite(positions).all(axis=1)))
        raise GeometryError(
            f"position of atom {atom} (system {system}) is not finite", expected="finite coordinates in Å", who=WHO
        )


def _check_lattice(lattice: NDArray[np.float64], system: int) -> None:
    lengths = float(np.prod(np.sqrt((lattice * lattice).sum(axis=1))))
    if abs(float(np.linalg.det(lattice))) <= SINGULAR * lengths:
        raise _no_lattice(system)


def _no_lattice(system: int) -> GeometryError:
    return GeometryError(
        f"cell of system {system} is singular or not finite along periodic directions",
        expected="finite, linearly independent lattice vectors wherever pbc is true",
        who=WHO,
        fix="set the cell, or pbc=False for a molecule",
    )
