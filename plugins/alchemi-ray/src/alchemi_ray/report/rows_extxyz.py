"""Rows of files of results in extended XYZ."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.io import iread

from alchemi_ray.digests import MARK
from alchemi_ray.report.rows import ROWS, Columns, Rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ase import Atoms

    from alchemi_ray.report.measures import Measure


def extxyz_rows(path: Path, measures: Sequence[Measure]) -> Iterator[Rows]:
    """Read a file.

    Parameters
    ----------
    path : Path
        Of the results of one shard.
    measures : sequence of Measure
        What is wanted of each structure.

    Raises
    ------
    OSError, ValueError
        If it cannot be read.
    """
    structures = iread(path, index=":", format="extxyz")
    while some := list(islice(structures, ROWS)):
        yield _rows(some, measures)


def _rows(some: list[Atoms], measures: Sequence[Measure]) -> Rows:
    return Rows(
        np.array([one.info[MARK]["number"] for one in some]),
        np.array([one.info[MARK]["index"] for one in some]),
        [str(one.info[MARK]["source"]) for one in some],
        lambda row: some[row].numbers.tolist(),
        AtomsColumns(some).values(measures),
    )


class AtomsColumns(Columns):
    """Columns of some structures.

    Parameters
    ----------
    structures : list of Atoms
        As read: energy, forces and stress in the calculator, all else in one entry of ``info``.
    """

    def __init__(self, structures: list[Atoms]) -> None:
        self.structures = structures
        self.atoms = np.array([len(one) for one in structures])

    def number(self, name: str) -> np.ndarray:
        """Return one number of each structure, shape [n]."""
        return np.array([_number(_value(one, name)) for one in self.structures])

    def largest(self, name: str, *, vectors: bool) -> np.ndarray:
        """Return the largest size of each structure: of its vectors, or of all its numbers."""
        return np.array([_largest(_value(one, name), vectors) for one in self.structures])

    def trace(self, name: str) -> np.ndarray:
        """Return the sum of the first three of six components."""
        return np.array([_trace(_value(one, name)) for one in self.structures])

    def term(self, label: str) -> np.ndarray:
        """Return the energy of a step, eV."""
        terms = [_value(one, "energy_terms") or {} for one in self.structures]
        return np.array([_number(of.get(label)) for of in terms])


def _value(structure: Atoms, name: str) -> Any:
    """Return a value from the place that has it, else None."""
    results = {} if structure.calc is None else structure.calc.results
    return results[name] if name in results else structure.info[MARK].get(name)


def _number(value: Any) -> float:
    """Return a value as a number, NaN where it is none."""
    return float(value) if isinstance(value, int | float | np.number | np.bool_) else float("nan")


def _largest(value: Any, vectors: bool) -> float:  # noqa: FBT001
    if value is None or isinstance(value, str) or np.size(value) == 0:
        return float("nan")
    sizes = np.abs(np.asarray(value, dtype=float))
    return float(np.linalg.norm(sizes, axis=1).max() if vectors else sizes.max())


def _trace(value: Any) -> float:
    return float("nan") if np.shape(value) != (6,) else float(np.sum(value[:3]))
