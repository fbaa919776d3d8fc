"""Crystal: a crystal on its way to phonopy, whose refusals become errors that say what to do."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import attrs
import numpy as np
from ase.data import chemical_symbols
from phonopy import Phonopy
from phonopy.structure.atoms import PhonopyAtoms
from phonopy.structure.cells import get_primitive_matrix_with_auto
from spglib import SpglibError

from alchemi_core.errors import DerivativeError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from numpy.typing import NDArray

WHO = "force-constants"
FEWER = 0.75
"""A primitive cell has at most half of the atoms; determinants above this are the cell itself, in another setting."""


@attrs.frozen(eq=False, kw_only=True)
class Crystal:
    """A crystal with a cell in three dimensions.

    Parameters
    ----------
    numbers : sequence of int
        Elements.
    kinds : sequence of hashable
        What atoms of one element have to share for symmetry to exchange them, beside their mass.
    cell : ndarray [3, 3], Å
        Lattice vectors as rows.
    positions : ndarray [n, 3], Å
        Of the atoms.
    masses : sequence of float, u, optional
        Of the atoms; by default those phonopy knows.
    tolerance : float, Å
        Within which atoms that symmetry relates coincide.
    """

    numbers: Sequence[int]
    kinds: Sequence[Hashable]
    cell: NDArray[np.float64]
    positions: NDArray[np.float64]
    masses: Sequence[float] | None
    tolerance: float

    def phonopy(self, matrix: NDArray[np.int64], *, symmetry: bool, primitive: bool) -> Phonopy:
        """Return it as phonopy knows it, with a supercell whose vectors are the rows of `matrix` in lattice vectors.

        Raises
        ------
        DerivativeError
            If phonopy cannot take it.
        """
        with _naming_the_crystal():
            unit = PhonopyAtoms(symbols=self.labels, cell=self.cell, positions=self.positions, masses=self.masses)
            return Phonopy(
                unit,
                matrix.T,
                primitive_matrix=self._primitive(unit) if primitive else "P",
                symprec=self.tolerance,
                is_symmetry=symmetry,
                distinguish_symbol_index=True,
            )

    @property
    def labels(self) -> list[str]:
        """Symbols, numbered where atoms of one element are of several kinds or masses."""
        masses = self.masses if self.masses is not None else [0.0] * len(self.numbers)
        each = list(zip(self.numbers, self.kinds, masses, strict=True))
        known = {number: list(dict.fromkeys(one for one in each if one[0] == number)) for number in self.numbers}
        return [
            chemical_symbols[one[0]] + (str(known[one[0]].index(one) + 1) if len(known[one[0]]) > 1 else "")
            for one in each
        ]

    def _primitive(self, unit: PhonopyAtoms) -> NDArray[np.float64]:
        """Return the primitive cell in terms of this one: this one itself where it is primitive."""
        matrix = get_primitive_matrix_with_auto(unit, "auto", symprec=self.tolerance, distinguish_symbol_index=True)
        return matrix if abs(np.linalg.det(matrix)) < FEWER else np.eye(3)


@contextmanager
def _naming_the_crystal() -> Iterator[None]:
    try:
        yield
    except (RuntimeError, SpglibError) as error:
        raise DerivativeError(
            f"phonopy cannot take the crystal: {' '.join(str(error).split())}",
            expected="elements it knows, and atoms further apart than the tolerance of symmetry",
            who=WHO,
            fix="look at the structure, or a smaller tolerance",
        ) from error
