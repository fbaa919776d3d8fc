"""Rows: some structures of the results, each measure as one array."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np
from ase.symbols import Symbols

from alchemi_core.quantities import EV_PER_CUBIC_ANGSTROM_IN_GPA, QUANTITIES
from alchemi_ray.report.extremes import Found
from alchemi_ray.report.measures import OUTPUT, TERM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from alchemi_ray.report.measures import Measure

ROWS = 1024
"""Structures that are in memory at once."""


@attrs.frozen(eq=False)
class Rows:
    """Some structures of one file of results.

    Parameters
    ----------
    numbers, indices : array [n]
        Places in the dataset and in the files.
    sources : sequence of str
        The files.
    elements : callable
        Atomic numbers of a row.
    values : mapping of str to array [n]
        Measures by name; NaN where a structure has none.
    """

    numbers: np.ndarray
    indices: np.ndarray
    sources: Sequence[str]
    elements: Callable[[int], Sequence[int]]
    values: Mapping[str, np.ndarray]

    def found(self, row: int, value: float) -> Found:
        """Return where the structure of a row is to be found."""
        formula = Symbols(np.array(self.elements(row), dtype=int)).get_chemical_formula(empirical=False)
        return Found(value, int(self.numbers[row]), str(self.sources[row]), int(self.indices[row]), formula)


class Columns:
    """What a file has of some structures, as arrays.

    Every method gives NaN where a structure has no such value.
    """

    atoms: np.ndarray
    """How many each structure has, shape [n]."""

    def number(self, name: str) -> np.ndarray:
        """Return one number of each structure, shape [n]."""
        raise NotImplementedError

    def largest(self, name: str, *, vectors: bool) -> np.ndarray:
        """Return the largest size of each structure: of its vectors, or of all its numbers."""
        raise NotImplementedError

    def trace(self, name: str) -> np.ndarray:
        """Return the sum of the first three of six components."""
        raise NotImplementedError

    def term(self, label: str) -> np.ndarray:
        """Return the energy of a step, eV."""
        raise NotImplementedError

    def values(self, measures: Iterable[Measure]) -> dict[str, np.ndarray]:
        """Return each measure, shape [n]."""
        return {measure.name: self._value(measure.name) for measure in measures}

    def _value(self, name: str) -> np.ndarray:
        if name.startswith(TERM):
            return np.asarray(self.term(name.removeprefix(TERM)) / self.atoms)
        if name.startswith(OUTPUT):
            return self._output(name.removeprefix(OUTPUT))
        return self._plain(name)

    def _output(self, name: str) -> np.ndarray:
        one = QUANTITIES.get(name)
        if one is not None and not one.per_atom and one.shape == (1,):
            return np.asarray(self.number(name) / (self.atoms if name == "energy_std" else 1.0))
        return self.largest(name, vectors=one is not None and one.per_atom and one.shape == (3,))

    def _plain(self, name: str) -> np.ndarray:
        match name:
            case "atoms":
                return self.atoms.astype(float)
            case "energy_per_atom":
                return np.asarray(self.number("energy") / self.atoms)
            case "energy_change":
                return np.asarray((self.number("energy") - self.number("energy_before")) / self.atoms)
            case "max_force":
                return self.largest("forces", vectors=True)
            case "force_left":
                return np.where(self.number("converged") == 0.0, self.number("largest_force"), np.nan)
            case "pressure":
                return -self.trace("stress") / 3.0 * EV_PER_CUBIC_ANGSTROM_IN_GPA
        return self.number(name)


def of_each(what: np.ufunc, values: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return what a function of two makes of each stretch of values, shape [n]; NaN where one is empty.

    Parameters
    ----------
    what : ufunc
        ``np.maximum`` or ``np.add``.
    values : array [sum of lengths]
        One stretch after another.
    lengths : array [n]
        Of the stretches.
    """
    found = np.full(lengths.size, np.nan)
    if values.size:
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        found[lengths > 0] = what.reduceat(values, starts[lengths > 0])
    return found
