"""Batch: any number of systems, crystals and molecules mixed, as flat frozen tensors."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs
import torch

from alchemi_core.data.checks import check_batch
from alchemi_core.errors import DataError
from alchemi_core.frozenmap import FrozenMap, freeze

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ase import Atoms
    from torch import Tensor

    from alchemi_core.data.atomic_data import AtomicData
    from alchemi_core.neighbors.lists import NeighborList


def _as_tuple(lists: Iterable[NeighborList]) -> tuple[NeighborList, ...]:
    return tuple(lists)


_GEOMETRY = ("positions", "cell", "pbc", "batch_idx")


@attrs.frozen(eq=False, kw_only=True)
class Batch:
    """A frozen batch of systems.

    Parameters
    ----------
    positions : Tensor [N, 3], Å
        Cartesian, need not be wrapped.
    atomic_numbers : Tensor [N], int64
        Element of each atom.
    batch_idx : Tensor [N], int64
        System of each atom, sorted.
    num_systems : int
        Number of systems B; a system may have no atoms.
    cell : Tensor [B, 3, 3], Å, optional
        Lattice vectors as rows; zeros for a system without a cell.
    pbc : Tensor [B, 3], bool, optional
        Periodic or not along each lattice vector. Given exactly when `cell` is.
    fields : mapping of str to Tensor
        Further inputs by quantity name, such as ``total_charge`` [B, 1] or ``charges`` [N].
    neighbors : tuple of NeighborList
        Lists made for exactly these positions, which pipelines read instead of building their own.

    Raises
    ------
    DataError
        If shapes or types do not fit together.

    Examples
    --------
    >>> from ase.build import bulk, molecule
    >>> batch = Batch.from_ase([bulk("NaCl", "rocksalt", a=5.64), molecule("H2O")])
    >>> batch.num_systems, batch.num_atoms
    (2, 5)
    """

    positions: Tensor
    atomic_numbers: Tensor
    batch_idx: Tensor
    num_systems: int
    cell: Tensor | None = None
    pbc: Tensor | None = None
    fields: Mapping[str, Tensor] = attrs.field(factory=FrozenMap, converter=freeze)
    neighbors: tuple[NeighborList, ...] = attrs.field(default=(), converter=_as_tuple)

    def __attrs_post_init__(self) -> None:
        check_batch(self)

    @classmethod
    def from_ase(
        cls,
        atoms: Atoms | Iterable[Atoms],
        *,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
        arrays: Iterable[str] = (),
    ) -> Batch:
        """Make a batch of one or several ASE structures.

        Parameters
        ----------
        atoms : ase.Atoms or iterable of ase.Atoms
            Structures; ``atoms.info["charge"]`` and ``["spin"]`` become ``total_charge`` and ``multiplicity``, what
            ``atoms.set_initial_charges`` sets becomes ``charges``.
        dtype : torch.dtype
            Floating type of positions and cells.
        device : torch.device or str
            Where the tensors live.
        arrays : iterable of str
            Per-atom arrays of the structures that become fields of the same names, such as ``["tags"]``; what regions
            select by.

        Raises
        ------
        GeometryError
            If a position or cell is not finite, or a periodic direction has no lattice vector.
        DataError
            If only some of the structures have one of these, or a named array is not there.
        """
        from alchemi_core.data.from_ase import batch_from_ase

        return batch_from_ase(atoms, dtype=dtype, device=device, arrays=arrays)

    @classmethod
    def from_data_list(cls, systems: Sequence[AtomicData]) -> Batch:
        """Join single systems into one batch, in order; each optional field must be on all of them or on none."""
        from alchemi_core.data.joining import join

        return join(systems)

    @property
    def num_atoms(self) -> int:
        """Number of atoms N over all systems."""
        return int(self.positions.shape[0])

    @cached_property
    def ptr(self) -> tuple[int, ...]:
        """Atom offsets of the systems, B + 1 integers: atoms of system b are ``ptr[b]:ptr[b+1]``."""
        counts = torch.bincount(self.batch_idx, minlength=self.num_systems)
        return (0, *torch.cumsum(counts, 0).tolist())

    @cached_property
    def elements(self) -> frozenset[int]:
        """Atomic numbers that occur."""
        return frozenset(torch.unique(self.atomic_numbers).tolist())

    @property
    def dtype(self) -> torch.dtype:
        """Floating type of the batch; every output comes back in it."""
        return self.positions.dtype

    @property
    def device(self) -> torch.device:
        """Device of the batch."""
        return self.positions.device

    def get(self, name: str) -> Tensor | None:
        """Return the named input, or None where the batch does not carry it."""
        if name in ("positions", "atomic_numbers", "batch_idx", "cell", "pbc"):
            value: Tensor | None = getattr(self, name)
            return value
        return self.fields.get(name)

    def with_fields(self, **changes: Tensor) -> Batch:
        """Return a new batch with the named inputs added or replaced.

        Neighbor lists are dropped when the geometry changes, so that none can go stale.
        """
        own: dict[str, Any] = {
            name: changes.pop(name) for name in tuple(changes) if name in (*_GEOMETRY, "atomic_numbers")
        }
        neighbors = () if any(name in own for name in _GEOMETRY) else self.neighbors
        return attrs.evolve(self, **own, fields={**self.fields, **changes}, neighbors=neighbors)

    def repeated(self, count: int) -> Batch:
        """Return several copies of this batch as one, without neighbor lists: displaced copies are faster together."""
        from alchemi_core.data.joining import repeat

        return repeat(self, count)

    def with_neighbors(self, *lists: NeighborList) -> Batch:
        """Return a new batch that carries the given lists and no others.

        Parameters
        ----------
        *lists : CooList or MatrixList
            Made for exactly these positions; that they fit is not checked, only that they could.

        Raises
        ------
        DataError
            If something else is given, such as a tuple of lists.
        """
        if any(isinstance(one, (tuple, list)) for one in lists):
            raise DataError(
                "a sequence of neighbor lists",
                expected="lists, one after the other",
                who="Batch.with_neighbors",
                fix="batch.with_neighbors(*lists)",
            )
        return attrs.evolve(self, neighbors=lists)

    def with_leaves(self, positions: Tensor, cell: Tensor | None) -> Batch:
        """Return this batch on other tensors of the same shapes and values, such as fresh autograd leaves.

        Checks are not run again and lists are kept, since the values are the same: this is on the hot path.
        """
        return self._twin(positions=positions, cell=cell)

    def with_parameters(self, values: Mapping[str, Tensor]) -> Batch:
        """Return this batch with values [B, 1] beside its fields: `with_fields` without its checks, for weights."""
        return self._twin(fields=FrozenMap({**self.fields, **values}))

    def moved(self, positions: Tensor) -> Batch:
        """Return this batch with atoms elsewhere: `with_fields(positions=...)` without its checks, for dynamics."""
        return self._twin(positions=positions, neighbors=())

    def _twin(self, **changes: Any) -> Batch:
        twin, assign = object.__new__(Batch), object.__setattr__
        # What is known of the atoms holds for the twin too; asking the device again would mean waiting for it.
        for name in (*_FIELDS, "ptr", "elements"):
            assign(twin, name, changes[name] if name in changes else getattr(self, name))
        return twin

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> Batch:
        """Return the batch on another device or in another floating type; lists are dropped when either changes."""

        def move(tensor: Tensor | None) -> Tensor | None:
            if tensor is None:
                return None
            return tensor.to(device=device, dtype=dtype if tensor.is_floating_point() else None)

        if move(self.positions) is self.positions:
            return self
        return Batch(
            positions=self.positions.to(device=device, dtype=dtype),
            atomic_numbers=self.atomic_numbers.to(device=device),
            batch_idx=self.batch_idx.to(device=device),
            num_systems=self.num_systems,
            cell=move(self.cell),
            pbc=move(self.pbc),
            fields={name: moved for name, value in self.fields.items() if (moved := move(value)) is not None},
        )

    def __len__(self) -> int:
        return self.num_systems

    def __getitem__(self, index: int) -> AtomicData:
        from alchemi_core.data.joining import take

        return take(self, index)

    def __repr__(self) -> str:
        extra = "".join(f", {name}" for name in self.fields)
        return f"Batch({self.num_systems} systems, {self.num_atoms} atoms, {self.dtype}, {self.device}{extra})"


_FIELDS = tuple(field.name for field in attrs.fields(Batch))
