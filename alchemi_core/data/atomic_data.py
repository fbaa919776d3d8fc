"""AtomicData: one system, the form people build by hand and read back from a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.data.checks import check_system
from alchemi_core.frozenmap import FrozenMap, freeze

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ase import Atoms
    from torch import Tensor

    from alchemi_core.data.batch import Batch


@attrs.frozen(eq=False, kw_only=True)
class AtomicData:
    """One frozen system.

    Parameters
    ----------
    positions : Tensor [n, 3], Å
        Cartesian, need not be wrapped.
    atomic_numbers : Tensor [n], int64
        Element of each atom.
    cell : Tensor [3, 3], Å, optional
        Lattice vectors as rows.
    pbc : Tensor [3], bool, optional
        Periodic or not along each lattice vector. Given exactly when `cell` is.
    fields : mapping of str to Tensor
        Per-atom fields [n, ...] and per-system fields with a leading axis of one, such as ``total_charge`` [1, 1].

    Raises
    ------
    DataError
        If shapes or types do not fit together.
    """

    positions: Tensor
    atomic_numbers: Tensor
    cell: Tensor | None = None
    pbc: Tensor | None = None
    fields: Mapping[str, Tensor] = attrs.field(factory=FrozenMap, converter=freeze)

    def __attrs_post_init__(self) -> None:
        check_system(self)

    @classmethod
    def from_ase(cls, atoms: Atoms, *, dtype: torch.dtype = torch.float64) -> AtomicData:
        """Make one system of an ASE structure; see `Batch.from_ase`."""
        from alchemi_core.data.batch import Batch

        return Batch.from_ase(atoms, dtype=dtype)[0]

    def to_batch(self) -> Batch:
        """Return a batch holding this system alone."""
        from alchemi_core.data.joining import join

        return join([self])
