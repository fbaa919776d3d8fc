"""ModelView: what a model sees of a batch. Exactly what it declared, nothing else, never to be changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.errors import UndeclaredInputError, nearest
from alchemi_core.quantities import GEOMETRY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.neighbors.lists import CooList, MatrixList


class ModelView:
    """Read-only view of a batch, made for one step of one call.

    Attributes
    ----------
    positions : Tensor [N, 3], Å
        On the graph if the model declared its energy differentiable through them, else detached.
    atomic_numbers : Tensor [N], int64
    batch_idx : Tensor [N], int64
    cell : Tensor [B, 3, 3], Å, or None
    pbc : Tensor [B, 3], bool, or None
    neighbors : CooList or MatrixList, or None
        The list the model declared: its cutoff exactly, its format, its kind.
    num_systems, num_atoms : int
    ptr : tuple of int
        Atom offsets of the systems, B + 1 integers.

    Every declared input is an attribute too; an optional one that nobody gives is None.

    Raises
    ------
    UndeclaredInputError
        When anything else is read.
    """

    __slots__ = ("_batch", "_values", "_who", "neighbors")

    neighbors: Any  # CooList | MatrixList | None; each model knows which of them it declared

    def __init__(
        self,
        values: Mapping[str, Tensor | None],
        batch: Batch,
        neighbors: CooList | MatrixList | None,
        who: str,
    ) -> None:
        self._values, self._batch, self._who, self.neighbors = values, batch, who, neighbors

    @property
    def num_systems(self) -> int:
        """Number of systems B."""
        return self._batch.num_systems

    @property
    def num_atoms(self) -> int:
        """Number of atoms N over all systems."""
        return self._batch.num_atoms

    @property
    def ptr(self) -> tuple[int, ...]:
        """Atom offsets of the systems, B + 1 integers."""
        return self._batch.ptr

    def as_batch(self) -> Batch:
        """Return what this view shows as a batch, for models that run a pipeline: its inputs and list, no others."""
        fields = {name: value for name, value in self._values.items() if name not in GEOMETRY and value is not None}
        neighbors = () if self.neighbors is None else (self.neighbors,)
        batch = self._batch.with_leaves(self.positions, self.cell)
        return attrs.evolve(batch, fields=fields, neighbors=neighbors)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self._values[name]
        except KeyError:
            raise _undeclared(self._who, name, self._values) from None


def _undeclared(who: str, name: str, values: Mapping[str, Tensor | None]) -> UndeclaredInputError:
    close = nearest(name, values)
    fix = f"read {close!r}" if close else f"add {name!r} to required_inputs or optional_inputs of its ModelConfig"
    return UndeclaredInputError(
        f"read the input {name!r}, which its config does not declare",
        expected="one of " + ", ".join(sorted(values)),
        who=who,
        fix=fix,
    )
