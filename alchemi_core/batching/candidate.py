"""Candidate: a structure that waits for a batch."""

from __future__ import annotations

from math import isfinite
from numbers import Number
from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np
from ase import Atoms

from alchemi_core.batching.cost import Cost
from alchemi_core.data.from_ase import ARRAY_FIELDS, INFO_FIELDS, array_names, coupling_names
from alchemi_core.errors import DataError
from alchemi_core.quantities import QUANTITIES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

    from alchemi_core.batching.cost import Estimator
    from alchemi_core.models import ModelConfig

Kind: TypeAlias = "tuple[object, ...]"
"""Structures of one kind can share a batch without one of them being refused, or treated otherwise than alone."""


@attrs.frozen(eq=False)
class Candidate:
    """A structure that waits for a batch.

    Parameters
    ----------
    index : int
        Its place in the input.
    structure : ase.Atoms
        As it was given.
    kind : tuple
        Which others it may share a batch with.
    cost : Cost
        What it is estimated to take.
    error : Exception, optional
        Why it cannot be evaluated at all.
    mark : int
        Fingerprint of its geometry when it was read.
    """

    index: int
    structure: Atoms
    kind: Kind
    cost: Cost
    error: Exception | None = None
    mark: int = 0

    def check_unchanged(self) -> None:
        """Refuse a structure that its source has changed since: the result would be of another one.

        Raises
        ------
        DataError
            If its atoms, arrays, lattice or numbers of ``info`` are not those that were read.
        """
        if fingerprint(self.structure) != self.mark:
            raise DataError(
                f"structure {self.index} of the input was changed after it was given",
                expected="structures that stay as they are until their results are there: some are read ahead",
                who="evaluate",
                fix="yield atoms.copy()",
            )


def fingerprint(structure: Atoms) -> int:
    """Return a number that is another one as soon as anything is that a batch may take from a structure.

    That is its lattice, its arrays, and all numbers of ``info``: charge, spin and coupling parameters are among them.
    """
    numbers = {name: value for name, value in structure.info.items() if isinstance(value, Number | np.ndarray)}
    parts = {"cell": structure.cell.array, "pbc": structure.pbc, **structure.arrays}
    named = [*parts.items(), *numbers.items()]
    return hash(tuple((name, np.asarray(value).tobytes()) for name, value in named))


@attrs.frozen
class Sorter:
    """Makes candidates of structures.

    Parameters
    ----------
    estimator : Estimator
        For the lists of the plan.
    arrays, couplings : tuple of str
        Names under which structures may bring inputs of the pipeline, atom by atom and as one number.
    same_size : bool
        Whether outputs are padded to the largest structure of a batch, so that a batch holds structures of one size.
    """

    estimator: Estimator
    arrays: tuple[str, ...]
    couplings: tuple[str, ...]
    same_size: bool

    @classmethod
    def of(cls, config: ModelConfig, estimator: Estimator, outputs: Iterable[str]) -> Self:
        """Make the sorter of a request to a pipeline of this config."""
        open_axes = any(None in QUANTITIES[name].shape for name in outputs if name in QUANTITIES)
        return cls(estimator, array_names(config), coupling_names(config), open_axes)

    def candidate(self, index: int, structure: Atoms) -> Candidate:
        """Return the candidate of one structure; nothing that is wrong with it is an error here.

        One that is empty or not finite stays alone, so that no batch has to be taken apart for it.
        """
        if not isinstance(structure, Atoms):
            found = f"a {type(structure).__name__} at place {index} of the input"
            error = DataError(found, expected="an ase.Atoms", who="evaluate")
            return Candidate(index, structure, (index,), Cost(systems=1.0), error)
        cost, mark = self.estimator.cost(structure), fingerprint(structure)
        if not cost.atoms or not isfinite(cost.pairs):
            return Candidate(index, structure, (index,), Cost(cost.atoms, 0.0, 1.0), mark=mark)
        return Candidate(index, structure, self._kind(structure), cost, mark=mark)

    def _kind(self, structure: Atoms) -> Kind:
        """Tell apart what must not be mixed."""
        arrays, info, periodic = structure.arrays, structure.info, bool(structure.pbc.any())
        return (
            periodic,
            periodic or bool(structure.cell.array.any()),
            tuple(name for name in INFO_FIELDS.values() if name in info),
            tuple(name for name in ARRAY_FIELDS.values() if name in arrays),
            tuple((name, arrays[name].dtype.kind) for name in self.arrays if name in arrays and name != "tags"),
            tuple(name for name in self.couplings if name in info),
            len(structure) if self.same_size else 0,
        )
