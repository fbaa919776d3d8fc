"""Fitting a structure to the elements that a model was made for."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
from ase.data import covalent_radii

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ase import Atoms


def fitted(atoms: Atoms, elements: Iterable[int] | None) -> Atoms:
    """Return a structure of elements that a model knows, scaled to their size.

    Elements that are unknown to it are replaced by those of the nearest covalent radius (B. Cordero et al., Dalton
    Trans. 2008, 2832), different ones by different ones while there are enough. The whole structure is then scaled by
    the mean radius, so that neighbors stay at the distance of neighbors.

    Parameters
    ----------
    atoms : ase.Atoms
        The structure; not changed.
    elements : iterable of int, optional
        Atomic numbers the model was made for; None for any.

    Examples
    --------
    >>> from ase.build import bulk
    >>> fitted(bulk("NaCl", "rocksalt", a=5.64), {14}).get_chemical_formula()
    'Si2'
    """
    known = None if elements is None else frozenset(elements)
    if known is None or known >= set(atoms.numbers.tolist()):
        return cast("Atoms", atoms.copy())
    table = _substitutes(sorted(set(atoms.numbers.tolist())), known)
    new = cast("Atoms", atoms.copy())
    new.numbers = [table[number] for number in atoms.numbers]
    scale = covalent_radii[new.numbers].mean() / covalent_radii[atoms.numbers].mean()
    new.set_cell(scale * atoms.cell.array, scale_atoms=False)
    new.positions = scale * np.asarray(atoms.positions)
    return new


def _substitutes(numbers: list[int], known: frozenset[int]) -> dict[int, int]:
    table = {number: number for number in numbers if number in known}
    for number in numbers:
        if number not in known:
            free = known - set(table.values()) or known
            radius = covalent_radii[number]
            table[number] = min(sorted(free), key=lambda other: abs(covalent_radii[other] - radius))
    return table
